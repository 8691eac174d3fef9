// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What can be changed of stages and models while they serve, for whoever changes it.
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

namespace catena {

/// A set of options that can be changed while what they belong to serves.
/// \threads  its functions are called by one thread at a time
struct tunable {
  const std::type_info* type = nullptr;  ///< of the options
  const void* subject = nullptr;         ///< whom they belong to: those of one type and subject are the same
  std::shared_ptr<const void> original;  ///< the options as they are given in C++
  /// From now on these hold, which check() and `expect` allow. It does not throw.
  std::function<void(const void* options)> tune;
  /// Throws std::invalid_argument where the subject forbids what check() allows; empty: it forbids nothing.
  std::function<void(const void* options)> expect = {};
  std::vector<std::string_view> only = {};  ///< the members that it has; empty: all
};

/// Where one is found beneath its stage or model, such as {"retry", "budget"}.
struct tunable_place {
  std::vector<std::string> path;
  std::shared_ptr<const tunable> what;
};

template <class Options>
[[nodiscard]] tunable tunable_of(const void* subject, const Options& original) {
  return {.type = &typeid(Options), .subject = subject, .original = std::make_shared<const Options>(original), .tune = {}};
}

/// The stages of a chain, or a model.
struct tunable_site {
  enum class kind : bool { stage, model };
  struct part {
    kind is;
    std::string name;  ///< a stage's path, a model's name
    std::vector<tunable_place> places;
  };
  std::vector<part> parts;
};

/// What there is of a runtime's by now, and whoever wants to know of what comes.
/// \threads  safe; whoever is asked is asked by one thread at a time
class tunable_registry {
 public:
  using sites = std::vector<std::shared_ptr<const tunable_site>>;
  /// Somebody who tunes what comes later.
  class tuner {
   public:
    virtual ~tuner() = default;
    virtual void came(const tunable_site& site) noexcept = 0;
  };

  /// It is among them as long as somebody holds it.
  void add(const std::shared_ptr<const tunable_site>& site) {
    const std::lock_guard lock(mutex_);
    std::erase_if(sites_, [](const auto& s) { return s.expired(); });
    sites_.push_back(site);
    if (tuner_) tuner_->came(*site);
  }

  /// Calls f(sites, tuner) while nothing comes; what it puts into the tuner is told of all that comes then.
  template <class F>
  auto change(F f) {
    sites all;  // destroyed under no lock: it may hold the last of a chain
    const std::lock_guard lock(mutex_);
    for (const auto& weak : sites_)
      if (auto site = weak.lock()) all.push_back(std::move(site));
    return f(all, tuner_);
  }

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<const tunable_site>> sites_;
  std::shared_ptr<tuner> tuner_;
};

}  // namespace catena
