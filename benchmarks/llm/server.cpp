// SPDX-License-Identifier: BSL-1.0
// One thread, epoll, and a heap of what is to be written when.
#include "server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <queue>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bench {
namespace {

const std::string completion =
    R"({"id":"c","object":"chat.completion","created":1,"model":"made-up","choices":[{"index":0,"message":{"role":"assistant","content":")" + std::string(600, 'x') +
    R"("},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":150,"total_tokens":350,"prompt_cache_hit_tokens":128,"prompt_cache_miss_tokens":72},"system_fingerprint":"fp"})";
const std::string whole_answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(completion.size()) + "\r\n\r\n" + completion;
const std::string stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& text) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}
std::string token() {
  return chunk(R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"made-up","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":"t)" +
               std::to_string(now_ns()) + R"("},"logprobs":null,"finish_reason":null}]})" + "\n\n");
}
std::string stream_end() {
  return chunk("data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n") + "0\r\n\r\n";
}

/// A certificate for 127.0.0.1 that signs itself.
struct certificate {
  certificate() : key(EVP_EC_gen("P-256")), x509(X509_new()) {
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    X509_set_pubkey(x509, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("bench"), -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    for (const auto& [id, value] : {std::pair{NID_subject_alt_name, "IP:127.0.0.1"}, {NID_basic_constraints, "critical,CA:TRUE"}}) {
      X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
      X509_add_ext(x509, e, -1);
      X509_EXTENSION_free(e);
    }
    X509_sign(x509, key, EVP_sha256());
  }
  certificate(const certificate&) = delete;
  certificate& operator=(const certificate&) = delete;
  ~certificate() {
    X509_free(x509);
    EVP_PKEY_free(key);
  }
  EVP_PKEY* key;
  X509* x509;
};

struct connection {
  int fd = -1;
  SSL* ssl = nullptr;
  std::string in;
  std::string out;            ///< what did not go out yet
  std::int64_t left = 0;      ///< tokens
  std::int64_t interval = 0;  ///< nanoseconds

  ~connection() {
    if (ssl) SSL_free(ssl);
    ::close(fd);
  }
  long read(char* into, std::size_t n) const { return ssl ? SSL_read(ssl, into, static_cast<int>(n)) : ::recv(fd, into, n, 0); }
  long write(std::string_view text) const {
    return ssl ? SSL_write(ssl, text.data(), static_cast<int>(text.size())) : ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }
};

class server {
 public:
  explicit server(SSL_CTX* tls) : tls_(tls), epoll_(::epoll_create1(0)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(listener_, 4096) != 0) throw std::runtime_error("cannot listen");
    socklen_t size = sizeof at;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    watch(0, EPOLLIN, EPOLL_CTL_ADD);
  }
  [[nodiscard]] int port() const noexcept { return port_; }

  void run() {
    std::array<epoll_event, 256> ready;
    for (;;) {
      const int n = ::epoll_pwait2(epoll_, ready.data(), ready.size(), until_next(), nullptr);
      for (int i = 0; i < n; ++i) {
        const int fd = ready[static_cast<std::size_t>(i)].data.fd;
        if (fd == 0) return;
        if (fd == listener_) accept_all();
        else if (const auto found = open_.find(fd); found != open_.end() && !serve(*found->second)) open_.erase(found);
      }
      write_due();
    }
  }

 private:
  struct due {
    std::int64_t when;
    int fd;
    bool operator<(const due& other) const noexcept { return when > other.when; }
  };

  void watch(int fd, std::uint32_t events, int how) const {
    epoll_event e{};
    e.events = events;
    e.data.fd = fd;
    ::epoll_ctl(epoll_, how, fd, &e);
  }
  const timespec* until_next() {
    if (due_.empty()) return nullptr;
    const std::int64_t wait = std::max<std::int64_t>(due_.top().when - now_ns(), 0);
    until_ = {.tv_sec = wait / 1'000'000'000, .tv_nsec = wait % 1'000'000'000};
    return &until_;
  }
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto c = std::make_unique<connection>();
      c->fd = fd;
      if (tls_) {
        c->ssl = SSL_new(tls_);
        SSL_set_fd(c->ssl, fd);
        SSL_set_accept_state(c->ssl);
      }
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
      open_[fd] = std::move(c);
    }
  }
  /// False: it has gone.
  bool serve(connection& c) {
    if (!flush(c)) return false;
    std::array<char, 16384> into;
    for (;;) {
      const long n = c.read(into.data(), into.size());
      if (n <= 0) {
        if (c.ssl ? SSL_get_error(c.ssl, static_cast<int>(n)) == SSL_ERROR_WANT_READ : n < 0 && errno == EAGAIN) return true;
        return false;
      }
      c.in.append(into.data(), static_cast<std::size_t>(n));
      const std::size_t end = c.in.find("\r\n\r\n");
      if (end == c.in.npos) continue;
      const std::size_t field = c.in.find("Content-Length: ");
      const std::size_t all = end + 4 + (field < end ? std::stoul(c.in.substr(field + 16)) : 0);
      if (c.in.size() < all) continue;
      const std::string path = c.in.substr(6, c.in.find('/', 6) - 6);
      c.in.erase(0, all);
      if (!answer(c, path)) return false;
    }
  }
  bool answer(connection& c, const std::string& path) {
    std::array<std::int64_t, 3> n{};
    std::size_t at = path.find('-');
    for (std::int64_t& value : n) {
      if (at == path.npos) break;
      value = std::stoll(path.substr(at + 1));
      at = path.find('-', at + 1);
    }
    if (path.starts_with("whole")) return send(c, whole_answer);
    if (path.starts_with("idle")) return send(c, stream_head + token());
    c.interval = n[1] * 1000;
    c.left = n[2];
    due_.push({now_ns() + n[0] * 1000, c.fd});
    return send(c, stream_head);
  }
  void write_due() {
    while (!due_.empty() && due_.top().when <= now_ns()) {
      const due next = due_.top();
      due_.pop();
      const auto found = open_.find(next.fd);
      if (found == open_.end() || found->second->left == 0) continue;
      connection& c = *found->second;
      const bool last = --c.left == 0;
      if (!send(c, last ? token() + stream_end() : token())) open_.erase(found);
      else if (!last) due_.push({next.when + c.interval, c.fd});
    }
  }
  bool send(connection& c, const std::string& text) {
    c.out += text;
    return flush(c);
  }
  bool flush(connection& c) {
    while (!c.out.empty()) {
      const long n = c.write(c.out);
      if (n <= 0) {
        const bool waits = c.ssl ? SSL_get_error(c.ssl, static_cast<int>(n)) == SSL_ERROR_WANT_WRITE : errno == EAGAIN;
        if (waits) watch(c.fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        return waits;
      }
      c.out.erase(0, static_cast<std::size_t>(n));
      if (c.out.empty()) watch(c.fd, EPOLLIN, EPOLL_CTL_MOD);
    }
    return true;
  }

  SSL_CTX* tls_;
  int epoll_;
  int listener_;
  int port_ = 0;
  timespec until_{};
  std::unordered_map<int, std::unique_ptr<connection>> open_;
  std::priority_queue<due> due_;
};

}  // namespace

std::int64_t now_ns() noexcept { return std::chrono::steady_clock::now().time_since_epoch().count(); }

int serve(wire how) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  SSL_CTX* tls = nullptr;
  std::string ca_file;
  if (how == wire::tls) {
    const certificate c;
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_use_certificate(tls, c.x509);
    SSL_CTX_use_PrivateKey(tls, c.key);
    ca_file = "/tmp/catena-bench-" + std::to_string(::getpid()) + ".pem";
    std::FILE* file = std::fopen(ca_file.c_str(), "w");
    if (!file) return 1;
    PEM_write_X509(file, c.x509);
    std::fclose(file);
  }
  server s(tls);
  std::printf("http%s://127.0.0.1:%d/ %s\n", tls ? "s" : "", s.port(), ca_file.c_str());
  std::fflush(stdout);
  s.run();
  if (!ca_file.empty()) ::unlink(ca_file.c_str());
  return 0;
}

}  // namespace bench
