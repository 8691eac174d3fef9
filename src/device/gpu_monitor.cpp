// SPDX-License-Identifier: BSL-1.0
#include <catena/device/gpu_monitor.hpp>

#include <dlfcn.h>

#include <array>
#include <stdexcept>

namespace catena {
namespace detail {

/// NVML while it is started. It counts who has started it and shuts down with the last; its functions may be called by several
/// threads at once. What its header would declare is declared here, as its documentation says: layouts and values are its ABI.
class nvml {
 public:
  nvml() = default;
  nvml(const nvml&) = delete;
  nvml& operator=(const nvml&) = delete;
  ~nvml() {
    if (is_started_) (void)shut_down_();
  }

  /// Loads and starts it; why that failed, or nothing.
  [[nodiscard]] std::string start(const std::string& file);
  [[nodiscard]] std::vector<gpu_reading> read() const;

 private:
  enum class code : unsigned int { success = 0, not_supported = 3 };
  enum class sensor : unsigned int { gpu = 0 };
  struct gpu;  ///< known to NVML only
  struct percentages { unsigned int compute, memory; };
  struct bytes { unsigned long long total, free, used; };
  using text_function = code(gpu*, char*, unsigned int);
  struct closing {
    void operator()(void* library) const noexcept { (void)dlclose(library); }
  };

  template <class Function>
  bool find(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(library_.get(), name));
    return function != nullptr;
  }
  [[nodiscard]] const char* find_all();

  [[nodiscard]] gpu_reading read_one(unsigned int index) const;
  void read_figures(gpu_reading& r, gpu* of) const;
  [[nodiscard]] std::string read_text(gpu_reading& r, text_function* function, gpu* of) const;
  /// Calls a function that this NVML may not have. False: there is no figure, and what went wrong is noted.
  template <class Function, class... Args>
  bool ask(gpu_reading& r, Function* function, Args... args) const {
    const code c = function ? function(args...) : code::not_supported;
    if (c != code::success && c != code::not_supported && r.fault.empty()) r.fault = says_(c);
    return c == code::success;
  }

  std::unique_ptr<void, closing> library_;
  bool is_started_ = false;
  code (*start_)() = nullptr;
  code (*shut_down_)() = nullptr;
  const char* (*says_)(code) = nullptr;
  code (*count_)(unsigned int*) = nullptr;
  code (*at_)(unsigned int, gpu**) = nullptr;
  // Of these a newer one may have dropped some: it has dropped others.
  text_function* name_ = nullptr;
  text_function* uuid_ = nullptr;
  code (*utilisation_)(gpu*, percentages*) = nullptr;
  code (*memory_)(gpu*, bytes*) = nullptr;
  code (*temperature_)(gpu*, sensor, unsigned int*) = nullptr;
};

std::string nvml::start(const std::string& file) {
  library_.reset(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!library_) return std::string("there is no NVML: ") + dlerror();
  if (const char* const missing = find_all()) return "'" + file + "' is not NVML: it has no " + missing;
  const code c = start_();
  is_started_ = c == code::success;
  return is_started_ ? std::string() : std::string("NVML does not start: ") + says_(c);
}

/// Null, or the name of a function that must be there and is not.
const char* nvml::find_all() {
  (void)find(name_, "nvmlDeviceGetName");
  (void)find(uuid_, "nvmlDeviceGetUUID");
  (void)find(utilisation_, "nvmlDeviceGetUtilizationRates");
  (void)find(memory_, "nvmlDeviceGetMemoryInfo");
  (void)find(temperature_, "nvmlDeviceGetTemperature");
  const char* name = nullptr;
  const bool has_all = find(start_, name = "nvmlInit_v2") && find(shut_down_, name = "nvmlShutdown") &&
                       find(says_, name = "nvmlErrorString") && find(count_, name = "nvmlDeviceGetCount_v2") &&
                       find(at_, name = "nvmlDeviceGetHandleByIndex_v2");
  return has_all ? nullptr : name;
}

std::vector<gpu_reading> nvml::read() const {
  unsigned int count = 0;
  std::vector<gpu_reading> all;
  if (count_(&count) != code::success) return all;
  all.reserve(count);
  for (unsigned int i = 0; i < count; ++i) all.push_back(read_one(i));
  return all;
}

gpu_reading nvml::read_one(unsigned int index) const {
  gpu_reading r;
  r.index = index;
  gpu* one = nullptr;
  if (!ask(r, at_, index, &one)) return r;
  r.name = read_text(r, name_, one);
  r.uuid = read_text(r, uuid_, one);
  read_figures(r, one);
  return r;
}

std::string nvml::read_text(gpu_reading& r, text_function* function, gpu* of) const {
  std::array<char, 96> text{};  // the longest there can be, with its end
  return ask(r, function, of, text.data(), static_cast<unsigned int>(text.size())) ? text.data() : std::string();
}

void nvml::read_figures(gpu_reading& r, gpu* of) const {
  percentages busy{};
  if (ask(r, utilisation_, of, &busy)) {
    r.compute_utilisation = busy.compute / 100.0;
    r.memory_utilisation = busy.memory / 100.0;
  }
  bytes memory{};
  if (ask(r, memory_, of, &memory)) {
    r.memory_used_bytes = memory.used;
    r.memory_total_bytes = memory.total;
  }
  unsigned int celsius = 0;
  if (ask(r, temperature_, of, sensor::gpu, &celsius)) r.temperature_celsius = static_cast<int>(celsius);
}

}  // namespace detail

void check(const gpu_monitor_options& options) {
  if (options.library.empty()) throw std::invalid_argument("gpu_monitor_options::library must not be empty");
}

gpu_monitor::gpu_monitor(const gpu_monitor_options& options) {
  check(options);
  auto started = std::make_shared<detail::nvml>();
  why_not_ = started->start(options.library);
  if (why_not_.empty()) library_ = std::move(started);
}

std::vector<gpu_reading> gpu_monitor::read() const {
  return library_ ? library_->read() : std::vector<gpu_reading>();
}

}  // namespace catena
