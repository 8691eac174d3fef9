// SPDX-License-Identifier: BSL-1.0
#include <catena/http/memory_network.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace catena::http {
namespace {

/// Something that goes through the runtime's ready queue, and frees itself.
struct memory_event : ready_node {
  explicit memory_event(std::function<void(wake)> what) : happen(std::move(what)) {
    resume = [](ready_node& self, wake how) {
      const std::unique_ptr<memory_event> freed(&static_cast<memory_event&>(self));
      freed->happen(how);
    };
  }
  std::function<void(wake)> happen;
};

void happen_later(runtime_state& runtime, std::function<void(wake)> what) { runtime.ready->push(*new memory_event(std::move(what))); }

void end_later(runtime_state& runtime, io_node*& node, failure why, std::size_t bytes) {
  happen_later(runtime, [ended = std::exchange(node, nullptr), why = std::move(why), bytes](wake how) { ended->ended(*ended, how, why, bytes); });
}

/// What one end writes and the other one reads.
struct memory_pipe {
  std::string bytes;
  bool ended = false;
};

class memory_stream;

/// Both directions, and the lock of both ends.
struct memory_wire {
  memory_wire(std::shared_ptr<runtime_state> rt, const memory_network_options& o) : runtime(std::move(rt)), options(o) {}
  const std::shared_ptr<runtime_state> runtime;
  const memory_network_options options;
  std::recursive_mutex mutex;  ///< once the executor is gone, what ends does so at once
  std::array<memory_pipe, 2> pipes;
  std::array<memory_stream*, 2> ends{};
  bool lost = false;
};

class memory_stream final : public transport {
 public:
  memory_stream(std::shared_ptr<memory_wire> wire, std::size_t side) : wire_(std::move(wire)), side_(side) { wire_->ends[side_] = this; }
  ~memory_stream() override {
    close();
    const std::lock_guard lock(wire_->mutex);
    wire_->ends[side_] = nullptr;
  }

  void read_some(std::span<char> into, io_node& done) override {
    const std::lock_guard lock(wire_->mutex);
    reader_ = &done;
    into_ = into;
    progress();
  }
  void write(std::string_view bytes, io_node& done) override {
    const std::lock_guard lock(wire_->mutex);
    writer_ = &done;
    rest_ = bytes;
    progress();
  }
  void shutdown(io_node& done) override {
    const std::lock_guard lock(wire_->mutex);
    wire_->pipes[side_].ended = true;
    writer_ = &done;
    rest_ = {};
    progress();
  }
  void close() noexcept override {
    const std::lock_guard lock(wire_->mutex);
    if (std::exchange(closed_, true)) return;
    wire_->pipes[side_].ended = true;
    for (io_node** node : {&opener_, &reader_, &writer_})
      if (*node) end_later(*wire_->runtime, *node, errc::cancelled, 0);
    progress();
  }
  [[nodiscard]] bool is_quiet() noexcept override {
    const std::lock_guard lock(wire_->mutex);
    const memory_pipe& in = wire_->pipes[1 - side_];
    return !closed_ && !wire_->lost && !in.ended && in.bytes.empty();
  }

  void open(io_node& opened) noexcept { opener_ = &opened; }
  void end_opening(failure why) {
    const std::lock_guard lock(wire_->mutex);
    if (opener_) end_later(*wire_->runtime, opener_, std::move(why), 0);
  }
  void reset() {
    const std::lock_guard lock(wire_->mutex);
    wire_->lost = true;
    progress();
  }

 private:
  /// Moves what can be moved at both ends.
  void progress() {
    for (memory_stream* end : wire_->ends)
      if (end) end->move_out();
    for (memory_stream* end : wire_->ends)
      if (end) end->move_in();
    for (memory_stream* end : wire_->ends)
      if (end) end->move_out();  // there may be room by now
  }
  void move_out() {
    if (!writer_) return;
    memory_pipe& out = wire_->pipes[side_];
    if (wire_->lost || is_closed(1 - side_)) return end_later(*wire_->runtime, writer_, {errc::unavailable, "writing failed: the connection was reset"}, 0);
    const std::size_t count = std::min(rest_.size(), wire_->options.capacity - std::min(wire_->options.capacity, out.bytes.size()));
    out.bytes += rest_.substr(0, count);
    written_ += count;
    rest_.remove_prefix(count);
    if (rest_.empty()) end_later(*wire_->runtime, writer_, {}, std::exchange(written_, 0));
  }
  void move_in() {
    if (!reader_) return;
    memory_pipe& in = wire_->pipes[1 - side_];
    if (wire_->lost) return end_later(*wire_->runtime, reader_, {errc::unavailable, "reading failed: the connection was reset"}, 0);
    if (in.bytes.empty() && in.ended) return end_later(*wire_->runtime, reader_, failure(boost::asio::error::make_error_code(boost::asio::error::eof)), 0);
    if (in.bytes.empty()) return;
    const std::size_t count = std::min({in.bytes.size(), into_.size(), wire_->options.most_at_once});
    std::copy_n(in.bytes.begin(), count, into_.begin());
    in.bytes.erase(0, count);
    end_later(*wire_->runtime, reader_, {}, count);
  }
  [[nodiscard]] bool is_closed(std::size_t side) const noexcept { return !wire_->ends[side] || wire_->ends[side]->closed_; }

  const std::shared_ptr<memory_wire> wire_;
  const std::size_t side_;
  io_node* opener_ = nullptr;
  io_node* reader_ = nullptr;
  io_node* writer_ = nullptr;
  std::span<char> into_;
  std::string_view rest_;
  std::size_t written_ = 0;
  bool closed_ = false;
};

std::string key_of(const std::string& host, std::uint16_t port) { return host + ":" + std::to_string(port); }

}  // namespace

memory_network::memory_network(const runtime& rt, const memory_network_options& options) : runtime_(rt.state()), options_(options) {
  if (options.most_at_once < 1) throw std::invalid_argument("memory_network_options::most_at_once must be at least 1");
  if (options.capacity < 1) throw std::invalid_argument("memory_network_options::capacity must be at least 1");
}

void memory_network::listen(const std::string& host, std::uint16_t port, accept to) {
  const std::lock_guard lock(mutex_);
  listening_[key_of(host, port)] = std::move(to);
}

std::size_t memory_network::opened_count() const {
  const std::lock_guard lock(mutex_);
  return opened_;
}

std::shared_ptr<transport> memory_network::open(const std::string& host, std::uint16_t port, io_node& opened) {
  const auto wire = std::make_shared<memory_wire>(runtime_, options_);
  const auto near = std::make_shared<memory_stream>(wire, 0);
  near->open(opened);
  const std::lock_guard lock(mutex_);
  const auto found = listening_.find(key_of(host, port));
  if (found == listening_.end()) {
    near->end_opening({errc::unavailable, "cannot connect to " + host + ", port " + std::to_string(port) + ": nobody listens there"});
  } else if (found->second) {
    ++opened_;
    const auto far = std::make_shared<memory_stream>(wire, 1);
    near->end_opening({});
    happen_later(*runtime_, [far, to = found->second](wake how) {
      if (how == wake::resumed) to({far, [far] { far->reset(); }});
    });
  }
  return near;
}

}  // namespace catena::http
