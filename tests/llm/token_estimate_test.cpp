// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/token_estimate.hpp>
#include <catena/llm/token_meter.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace catena;

namespace {

struct counted_text {
  std::string_view what;
  std::int64_t tokens;  ///< by DeepSeek V3's tokenizer
  std::string_view text;
};

constexpr counted_text counted_texts[] = {
    {"english", 159, R"~(The harbour master kept two clocks on his wall, and neither of them was right. One ran fast, so that the pilots would not be late; the other ran slow, because his wife had given it to him and he would not have it opened. When the fog came in from the south he looked at both, took the middle, and rang the bell. Nobody had ever complained. A ship that waits for an exact hour, he used to say, has never met the sea. In the winter of that year a young engineer arrived with a letter from the ministry and a box of instruments. She measured the tide for six weeks, wrote everything down, and told him in the end that his guesses had been better than her first table. He gave her the slow clock when she left.
)~"},
    {"chat", 71, R"~(Hi, I ordered a pair of running shoes last week (size 42) and they still haven't arrived. The tracking page says "in transit" since Tuesday. Could you check where they are, please? If it takes longer than Friday I'd rather cancel and get my money back, because I need them for a race on Sunday. Thanks!
)~"},
    {"chinese", 159, R"~(港口的管理员在墙上挂着两只钟，没有一只是准的。一只走得快，好让领航员不迟到；另一只走得慢，因为那是妻子送给他的，他不愿意让人拆开。大雾从南方来的时候，他看看两只钟，取个中间的时刻，然后敲响铜钟。从来没有人抱怨过。他常说，等待准确时刻的船，从来没有见过大海。那年冬天，一位年轻的工程师带着部里的信和一箱仪器来了。她测量了六个星期的潮水，把一切都记下来，最后告诉他，他的猜测比她的第一张表还要好。她离开的时候，他把那只慢钟送给了她。您好，我上周订的跑鞋还没有收到，请帮我查一下物流信息，谢谢！
)~"},
    {"zhchat", 76, R"~(请你帮我写一封邮件给供应商，说明我们收到的第三批零件里有十二个不合格，希望他们在下周五之前免费更换，否则我们只能取消剩下的订单。语气要客气一点，但是要把意思讲清楚。另外附上质检报告的编号和照片。人工智能技术正在改变各行各业，深度学习模型在图像识别、自然语言处理和语音合成等领域取得了显著进展。
)~"},
    {"mixed", 57, R"~(用户问：How do I reset my password? 请用中文回答，并给出步骤：1) 打开 Settings；2) 点击 "Security"；3) 选择 Reset password，然后查收验证码（6 位数字，10 分钟内有效）。
)~"},
    {"code", 183, R"~(template <class T>
class ring_buffer {
 public:
  explicit ring_buffer(std::size_t capacity) : items_(capacity) {}

  [[nodiscard]] bool push(T item) {
    if (size_ == items_.size()) return false;
    items_[(first_ + size_) % items_.size()] = std::move(item);
    ++size_;
    return true;
  }
  [[nodiscard]] std::optional<T> pop() {
    if (size_ == 0) return std::nullopt;
    T item = std::move(items_[first_]);
    first_ = (first_ + 1) % items_.size();
    --size_;
    return item;
  }

 private:
  std::vector<T> items_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};
)~"},
    {"json", 150, R"~({"orders":[{"id":"A-10017","customer":{"name":"Nora Lind","city":"Bergen"},"items":[{"sku":"SH-42-BLK","count":1,"price":89.9},{"sku":"SK-39-WHT","count":3,"price":7.5}],"paid":true,"shipped":null},{"id":"A-10018","customer":{"name":"Tom Baker","city":"Leeds"},"items":[{"sku":"JK-L-RED","count":2,"price":120.0}],"paid":false,"shipped":"2026-03-14T09:30:00Z"}],"next":"/orders?page=2&size=50"}
)~"},
    {"numbers", 174, R"~(date,open,high,low,close,volume
2026-01-05,184.22,186.91,183.07,186.45,4820117
2026-01-06,186.50,187.33,184.90,185.12,3917442
2026-01-07,185.00,185.85,181.26,181.94,6120938
2026-01-08,182.10,184.67,181.77,184.03,4402856
2026-01-09,184.15,189.42,184.01,188.96,8033127
2026-01-12,189.20,190.05,187.48,187.91,5127604
)~"},
    {"log", 167, R"~(2026-04-02T11:08:31.442Z WARN  [pool-3] payments.gateway: retry 2/5 after 1500ms (status=503, id=7f3c9a12-88e1-4b0d-9c55-02be6a71d9f4)
2026-04-02T11:08:33.018Z INFO  [pool-1] http.access: POST /v2/orders 201 48ms user=118204 bytes=2211
2026-04-02T11:08:33.990Z ERROR [pool-3] payments.gateway: gave up: connection reset by peer (10.0.41.7:8443)
)~"},
    {"german", 95, R"~(Der Hafenmeister hatte zwei Uhren an der Wand, und keine davon ging richtig. Die eine ging vor, damit die Lotsen nicht zu spät kämen; die andere ging nach, denn seine Frau hatte sie ihm geschenkt, und er wollte sie nicht öffnen lassen. Wenn der Nebel von Süden kam, sah er auf beide, nahm die Mitte und läutete die Glocke. Niemand hatte sich je beschwert.
)~"},
    {"japanese", 101, R"~(港長の部屋の壁には時計が二つ掛かっていたが、どちらも正しくなかった。一つは水先案内人が遅れないように進んでいて、もう一つは妻にもらったものなので、開けさせたくなくて遅れたままだった。南から霧が来ると、彼は両方を見て、その真ん中を取り、鐘を鳴らした。文句を言う人は誰もいなかった。
)~"},
    {"base64", 418, R"~(pU3KGCUwux1tEyze1iN7LtkeP3IfyxlxF0SU1kk8nVw0YL4xIB5p/tqg7ui5mX9cfCmZ/a/lkyU81lSvTfrXFCegrrP+6SMvivIhH57kkcWxC+y1Vjv8Hm+TQn7LyP4pVeXNjkbcjtS3wnZNKlpNdncG+F2GkAJK1r2jQBvpyMvMyTX2zR9hImrhUziuGjQATTO6DSRqwEyBsbryPjv57vX3nytJNK+H9VILablLDZguhbtVtnKocmN6zXRm/LYODo/xhGOw5LK6KXA0dPBkrGj3APWwKz3GZvRb3qosyu3NK1FXQQ5N7krys09DCgc0R95jbA6AbJV7poTWQx+16tdCTQnhXQJMWEjyPR+m9zYdf2GNFTLnDiDipmaN5/R+hGflRtU+yOKhJXvbJWybPk+7SYFG73Awy/lTclLczq3XZLajL7sJrerhCcSplyA5dTUrh4sUXIpC2ITPTP2nLY4dXdkliQgthSpxIoc+6AWt1YlCFno4UoYZXGefnGmU5FuKsQmAEgcJYfN95Dbd/cmdbnWvZUfPsRtCBySC3FMcK8OQfJYX615QieQBhrqopX0Rnm+2XQCrwyrzjmZ/Ai6H
)~"},
};

}  // namespace

TEST_CASE("an estimate of tokens is seldom too low, and far too high for none of what is usually said") {
  for (const auto& [what, tokens, text] : counted_texts) {
    const auto estimated = static_cast<double>(llm::estimate_tokens(text));
    INFO(what << ": " << estimated << " instead of " << tokens);
    CHECK(estimated >= 0.95 * static_cast<double>(tokens));
    CHECK(estimated <= 1.55 * static_cast<double>(tokens));
  }
}

TEST_CASE("an estimate grows with the text, and takes what is no UTF-8") {
  CHECK(llm::estimate_tokens("") == 0);
  CHECK(llm::estimate_tokens("a") >= 1);
  CHECK(llm::estimate_tokens("\xFF\xFE\x80") >= 3);
  CHECK(llm::estimate_tokens(std::string("caf\xC3")) >= 2);
  std::string text;
  std::int64_t before = 0;
  for (int i = 0; i < 600; ++i) {
    text += static_cast<char>(i * 37 % 256);
    const std::int64_t now = llm::estimate_tokens(text);
    REQUIRE(now + 2 >= before);  // bytes become one character now and then
    before = now;
  }
}

TEST_CASE("a message counts with its calls of tools and with what was thought before them, by whichever tokenizer") {
  const llm::token_counter bytes = [](std::string_view text) { return static_cast<std::int64_t>(text.size()); };
  llm::message m = llm::message::assistant("12345");
  m.reasoning = "123";
  const std::int64_t said = llm::count_tokens(m, bytes);
  CHECK(said >= 5);
  m.tool_calls.push_back({"id", "1234567", "{}"});
  CHECK(llm::count_tokens(m, bytes) >= said + 3 + 7 + 2);
  CHECK(llm::count_tokens(llm::message::user(std::string(4000, 'a'))) > llm::count_tokens(llm::message::user("a")));
  CHECK(llm::count_tokens(llm::message::user("abc"), [](std::string_view) { return std::int64_t{-100}; }) == llm::count_tokens(llm::message::user("")));
}

TEST_CASE("what a server has counted stands for itself, and corrects the estimate of the rest") {
  llm::token_meter meter({}, 0.3, 0);
  meter.push(1000);
  CHECK(meter.size() == llm::token_range{.likely = 1000, .most = 1300});
  meter.counted(800);
  CHECK(meter.size() == llm::token_range{.likely = 800, .most = 800});
  meter.push(100);  // the last texts were estimated too high, which the next one need not be
  CHECK(meter.size() == llm::token_range{.likely = 880, .most = 930});
  meter.counted(1100);
  meter.push(100);
  meter.wrote(70);
  CHECK(meter.size() == llm::token_range{.likely = 1170, .most = 1170});
  meter.push(1000);
  meter.counted(4400);
  meter.push(100);  // too low: more is reckoned with
  CHECK(meter.size() == llm::token_range{.likely = 4600, .most = 4660});
}

TEST_CASE("what is left of counted messages is no more than the whole was, and than its estimate may be wrong by") {
  llm::token_meter meter({}, 0.5, 0);
  for (const std::int64_t tokens : {100, 300, 600}) meter.push(tokens);
  meter.counted(1000);
  CHECK(meter.size_without(0, 1) == llm::token_range{.likely = 900, .most = 1000});
  CHECK(meter.size_without(1, 3) == llm::token_range{.likely = 100, .most = 150});
  meter.push(10);
  CHECK(meter.size_without(2, 4) == llm::token_range{.likely = 400, .most = 600});
  meter.erase(1, 2);
  CHECK(meter.size() == llm::token_range{.likely = 710, .most = 1015});
  meter.insert(1, 40);
  CHECK(meter.size() == llm::token_range{.likely = 750, .most = 1075});
  meter.counted(0);  // a server that does not count
  CHECK(meter.size() == llm::token_range{.likely = 750, .most = 1075});
}
