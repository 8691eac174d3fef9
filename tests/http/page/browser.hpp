// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A headless Chromium, told what to do through a pipe in the DevTools protocol: messages of JSON with a NUL behind each.
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace catena::test {

class browser {
 public:
  using json = nlohmann::json;
  using clock = std::chrono::steady_clock;

  struct refused : std::runtime_error {
    using runtime_error::runtime_error;
  };

  /// Nothing: there is none on this machine.
  static std::optional<std::string> program() {
    std::string_view rest = std::getenv("PATH") ? std::getenv("PATH") : "";
    for (; !rest.empty(); rest.remove_prefix(std::min(rest.size(), rest.find(':') == rest.npos ? rest.size() : rest.find(':') + 1))) {
      const std::string file = std::string(rest.substr(0, rest.find(':'))) + "/chromium";
      if (access(file.c_str(), X_OK) == 0) return file;
    }
    return std::nullopt;
  }

  explicit browser(const std::string& file) : folder_(make_folder()) {
    start(file);
    const auto target = say("Target.createTarget", {{"url", "about:blank"}})["targetId"];
    session_ = say("Target.attachToTarget", {{"targetId", target}, {"flatten", true}})["sessionId"].get<std::string>();
    for (const char* domain : {"Page", "Runtime", "Log"}) say(std::string(domain) + ".enable");
  }
  /// All that it has started is of its group, which ends with it.
  ~browser() {
    kill(-pid_, SIGTERM);
    siginfo_t ended{};
    for (int i = 0; i < 300 && ended.si_pid == 0; ++i) {
      waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    kill(-pid_, SIGKILL);  // the group is its own as long as nobody has waited for it
    waitpid(pid_, nullptr, 0);
    close(to_);
    close(from_);
    for (int i = 0; i < 50; ++i) {  // what is killed may still write there
      std::error_code fault;
      std::filesystem::remove_all(folder_, fault);
      if (!fault) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  browser(const browser&) = delete;
  browser& operator=(const browser&) = delete;

  void open(const std::string& url) { say("Page.navigate", {{"url", url}}); }

  /// What the page answers to JavaScript.
  json ask(const std::string& code) {
    const json answer = say("Runtime.evaluate", {{"expression", code}, {"returnByValue", true}, {"awaitPromise", true}});
    if (answer.contains("exceptionDetails")) throw refused(code + ": " + answer["exceptionDetails"].dump());
    return answer["result"].value("value", json());
  }
  std::string text(const std::string& selector) {
    return ask("document.querySelector(" + json(selector).dump() + ")?.innerText ?? ''").get<std::string>();
  }
  void click(const std::string& selector) { ask("document.querySelector(" + json(selector).dump() + ").click()"); }
  void press(const std::string& key, int code) {
    for (const char* type : {"keyDown", "keyUp"})
      say("Input.dispatchKeyEvent", {{"type", type}, {"key", key}, {"code", key}, {"windowsVirtualKeyCode", code}, {"text", key == "Enter" ? "\r" : ""}});
  }
  /// Whether it comes to be true. Until the page is there, it may not even make sense.
  bool sees(const std::string& code, clock::duration within = std::chrono::seconds(30)) {
    for (const auto end = clock::now() + within; clock::now() < end; std::this_thread::sleep_for(std::chrono::milliseconds(30)))
      try {
        if (ask("Boolean(" + code + ")") == true) return true;
      } catch (const refused&) {
      }
    return false;
  }

  void resize(int width, int height, double scale = 1) {
    say("Emulation.setDeviceMetricsOverride", {{"width", width}, {"height", height}, {"deviceScaleFactor", scale}, {"mobile", false}});
  }
  void prefer(const std::string& feature, const std::string& value) {
    say("Emulation.setEmulatedMedia", {{"features", {{{"name", feature}, {"value", value}}}}});
  }
  /// What it has complained of until now: errors on the console, exceptions, dialogs.
  std::vector<std::string> complaints() {
    ask("0");  // what comes before its answer has come
    return complaints_;
  }

  json say(const std::string& method, const json& parameters = json::object()) {
    json message{{"id", ++id_}, {"method", method}, {"params", parameters}};
    if (!session_.empty()) message["sessionId"] = session_;
    std::string bytes = message.dump() + '\0';
    for (std::string_view left = bytes; !left.empty();) {
      const ssize_t written = write(to_, left.data(), left.size());
      if (written <= 0) throw std::runtime_error("the browser is gone");
      left.remove_prefix(static_cast<std::size_t>(written));
    }
    for (;;) {
      const json heard = next();
      if (heard.value("id", 0) != id_) note(heard);
      else if (heard.contains("error")) throw refused(method + ": " + heard["error"].dump());
      else return heard["result"];
    }
  }

 private:
  static std::string make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "catena_page_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no folder for the browser");
    return name;
  }

  void start(const std::string& file) {
    std::array<int, 2> in{}, out{};
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe for the browser");
    to_ = in[1];
    from_ = out[0];
    // It reads from 3 and writes to 4, which may be what is to become the other one.
    const int reads = fcntl(in[0], F_DUPFD_CLOEXEC, 10), writes = fcntl(out[1], F_DUPFD_CLOEXEC, 10);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, reads, 3);
    posix_spawn_file_actions_adddup2(&files, writes, 4);
    for (const int output : {1, 2}) posix_spawn_file_actions_addopen(&files, output, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t how;
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
    // It need not be kept from anything: it is shown one page, and finds no other host.
    std::vector<std::string> words{file, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
                                   "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-crash-reporter", "--remote-debugging-pipe",
                                   "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + folder_, "about:blank"};
    std::vector<char*> line;
    for (std::string& word : words) line.push_back(word.data());
    line.push_back(nullptr);
    const int fault = posix_spawn(&pid_, file.c_str(), &files, &how, line.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    for (const int end : {in[0], out[1], reads, writes}) close(end);
    if (fault != 0) throw std::runtime_error("the browser does not start");
  }

  json next() {
    std::size_t end = 0;
    while ((end = heard_.find('\0')) == heard_.npos) {
      pollfd ready{from_, POLLIN, 0};
      if (poll(&ready, 1, 20'000) <= 0) throw std::runtime_error("the browser says nothing any more");
      std::array<char, 65536> bytes;
      const ssize_t count = read(from_, bytes.data(), bytes.size());
      if (count <= 0) throw std::runtime_error("the browser is gone");
      heard_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    json message = json::parse(std::string_view(heard_).substr(0, end));
    heard_.erase(0, end + 1);
    return message;
  }

  void note(const json& event) {
    const std::string what = event.value("method", "");
    const json& said = event.contains("params") ? event["params"] : event;
    const bool is_error = (what == "Log.entryAdded" && said["entry"]["level"] == "error") || (what == "Runtime.consoleAPICalled" && said["type"] == "error");
    if (is_error || what == "Runtime.exceptionThrown" || what == "Page.javascriptDialogOpening") complaints_.push_back(said.dump());
  }

  const std::string folder_;
  pid_t pid_ = 0;
  int to_ = -1, from_ = -1, id_ = 0;
  std::string session_, heard_;
  std::vector<std::string> complaints_;
};

}  // namespace catena::test
