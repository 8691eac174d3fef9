// SPDX-License-Identifier: BSL-1.0
#include "legal_document/mentions.hpp"
#include "legal_document/modality.hpp"
#include "legal_document/options.hpp"
#include "legal_document/page_material.hpp"
#include "legal_document/progress.hpp"
#include "legal_document/report.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace legal_report_test {

using Catch::Matchers::ContainsSubstring;
using legal::key_point_kind;
using legal::modality;
using legal::modality_of;
using strings = std::vector<std::string>;

TEST_CASE("duties, rights and prohibitions are told apart") {
  for (const char* duty :
       {"You must keep the records.", "The Supplier shall deliver the goods.", "The Tenant is required to pay.",
        "If you may enter, you must sign.", "The parties agree that they will talk, and the Tenant must pay.",
        "甲方应当付款。", "乙方必须立即通知甲方。"})
    CHECK(modality_of(duty) == modality::duty);
  for (const char* right :
       {"You may copy the work.", "The Tenant is entitled to a receipt.", "You need not accept this License.",
        "You are not required to pay.", "THE OWNER MAY ENTER THE LAND.", "甲方有权解除合同。", "双方可以延长期限。"})
    CHECK(modality_of(right) == modality::right);
  for (const char* ban : {"You may not sell the work.", "The Tenant shall not sublet.", "You must not copy it.",
                          "No party may assign this contract.", "Subletting is prohibited.",
                          "Sublicensing is not allowed.", "No person shall enter.", "乙方不得转包。", "禁止出租房屋。"})
    CHECK(modality_of(ban) == modality::prohibition);
  for (const char* nothing :
       {"It was signed in May 2007.", "New versions may differ in detail.", "Notices shall be deemed received.",
        "This clause shall survive.", "Nothing in this License shall be construed as a waiver.",
        "The goods that you may have bought are here.", "甲方的供应商在北京。"}) {
    INFO(nothing);
    CHECK(modality_of(nothing) == modality::none);
  }
}

TEST_CASE("defined terms are found by their quotes and verbs") {
  CHECK(legal::defined_term("\"Object code\" means any non-source form of a work.") == "Object code");
  CHECK(legal::defined_term("The \"Corresponding Source\" for a work in object code form means all the source.") ==
        "Corresponding Source");
  CHECK(legal::defined_term("Each licensee is addressed as \"you\".") == "you");
  CHECK(legal::defined_term("Acme Ltd (the \"Supplier\") sells goods.") == "Supplier");
  CHECK(legal::defined_term("Confidential Information means all that is marked so.") == "Confidential Information");
  CHECK(legal::defined_term("\xE2\x80\x9CGoods\xE2\x80\x9D means the things sold.") == "Goods");
  CHECK(legal::defined_term("“用户数据”是指甲方输入的数据。") == "用户数据");
  CHECK(legal::defined_term("本合同所称软件服务，是指网络服务。") == "软件服务");
  CHECK(legal::defined_term("It modifies the requirement to \"keep intact all notices\".").empty());
  CHECK(legal::defined_term("The parties use all reasonable means to settle.").empty());
}

TEST_CASE("dates and periods are found in their usual forms") {
  CHECK(legal::dates_in("It ends on 29 June 2007 or December 31, 2009, not 2010-01-02.") ==
        strings{"29 June 2007", "December 31, 2009", "2010-01-02"});
  CHECK(legal::dates_in("Pay within thirty (30) days, and at least three years later.") ==
        strings{"within thirty (30) days", "at least three years"});
  CHECK(legal::dates_in("You may leave in section 3 of Part 2.").empty());
  CHECK(legal::dates_in("本合同自2026年3月1日起生效，三十日内付款。") == strings{"2026年3月1日起", "三十日内"});
  CHECK(legal::dates_in("第一年").empty());
}

TEST_CASE("the GNU GPL v3's key points carry their section numbers") {
  const auto points = legal::extract_key_points(legal::split(legal::read_document(LEGAL_DOCUMENT_DATA "/gpl-3.0.txt")));
  const auto has = [&](key_point_kind kind, const std::string& place, const std::string& words) {
    return std::any_of(points[kind].points.begin(), points[kind].points.end(), [&](const legal::key_point& point) {
      return point.place == place && (point.text.find(words) != std::string::npos || point.subject == words);
    });
  };
  CHECK(has(key_point_kind::duty, "§ 5(a)", "must carry prominent notices"));
  CHECK(has(key_point_kind::duty, "§ 5(c)", "You must license the entire work"));
  CHECK(has(key_point_kind::right, "§ 4", "You may charge any price"));
  CHECK(has(key_point_kind::right, "§ 9", "You are not required to accept"));
  CHECK(has(key_point_kind::prohibition, "§ 8", "You may not propagate or modify"));
  CHECK(has(key_point_kind::prohibition, "§ 10", "You may not impose any further restrictions"));
  CHECK(has(key_point_kind::date, "§ 3", "20 December 1996"));
  CHECK(has(key_point_kind::date, "§ 11", "28 March 2007"));
  CHECK(has(key_point_kind::date, "Title", "29 June 2007"));
  CHECK(has(key_point_kind::definition, "§ 0", "covered work"));
  CHECK(has(key_point_kind::definition, "§ 1", "Object code"));
  CHECK_FALSE(has(key_point_kind::right, "§ 8", "You may not propagate"));
  for (const auto kind : legal::key_point_kinds)
    for (const auto& point : points[kind].points) CHECK_FALSE(point.text.starts_with("Copyright"));
}

TEST_CASE("a list of key points is free of repetitions, bounded, and takes points from all sections") {
  std::string text;
  for (int section = 1; section <= 10; ++section) {
    text += std::to_string(section) + ". Rule\n\nThe parties must keep the peace.\n\n";
    for (int i = 0; i < 9; ++i) text += "The party must do thing number " + std::to_string(section * 100 + i) + ".\n\n";
  }
  const auto points = legal::extract_key_points(legal::split(legal::make_document("x", text)), {.max_per_kind = 20});
  const auto& duties = points[key_point_kind::duty];
  CHECK(duties.found == 91);
  REQUIRE(duties.points.size() == 20);
  CHECK(duties.points.front().text == "The parties must keep the peace.");
  CHECK(duties.points.back().place == "§ 10");
}

legal::report sample_report() {
  const auto document = legal::make_document(
      "folder/lease.txt",
      "LEASE\n\n1. Rent\n\nThe Tenant must pay the rent *on time* within 30 days. The Landlord may enter <by day>.\n\n"
      "2. Use\n\nThe Tenant may not sublet the house to another person.\n");
  const auto contents = legal::split(document);
  const std::vector<legal::summary> summaries = {{1, {{0, 1.0f}}}, {0, {{0, 0.6f}, {1, 0.4f}}}};
  auto report =
      legal::build_report(document, contents, legal::merge(contents, summaries), legal::extract_key_points(contents));
  report.figures = {{{"split", 1, std::chrono::microseconds(250)}, {"summarise", 2, std::chrono::milliseconds(3)}},
                    1,
                    2.0,
                    std::chrono::milliseconds(5)};
  return report;
}

TEST_CASE("the Markdown report has all its parts, and no character of the text becomes markup") {
  const std::string text = legal::to_markdown(sample_report());
  for (const char* part :
       {"# LEASE\n", "> lease.txt: 2 sections, 3 sentences", "## Summary\n", "## Section by section\n", "**1. Rent**",
        "### Duties (1)", "### Rights (1)", "### Prohibitions (1)", "- **§ 2** — The Tenant may not sublet",
        "### Dates and periods (1)", "*within 30 days*", "| summarise | 2 | 3.0 ms | 1.5 ms |",
        "1 batch of 2.0 sections", "\\*on time\\*", "\\<by day\\>"})
    CHECK_THAT(text, ContainsSubstring(part));
}

TEST_CASE("the JSON report holds the same") {
  const auto json = nlohmann::json::parse(legal::to_json(sample_report()));
  CHECK(json["title"] == "LEASE");
  CHECK(json["sections"].size() == 2);
  CHECK(json["key_points"]["prohibitions"]["points"][0]["place"] == "§ 2");
  CHECK(json["counts"]["batches"] == 1);
  CHECK(json["stages"][1]["runs"] == 2);
}

TEST_CASE("the report tells what a model wrote from what the text says, and that a model was away") {
  auto report = sample_report();
  CHECK_FALSE(nlohmann::json::parse(legal::to_json(report)).contains("written_summary"));
  report.page = legal::written_page{"m_1", "The *rent* is due (§ 1)."};
  for (const char* part : {"\n\nThe \\*rent\\* is due (§ 1).\n\n*Written by the model m\\_1 ", "### In the text's own words\n\n- The Tenant",
                           "But for what a model wrote, every sentence below is the text's own"})
    CHECK_THAT(legal::to_markdown(report), ContainsSubstring(part));
  CHECK(nlohmann::json::parse(legal::to_json(report))["written_summary"] ==
        nlohmann::json{{"model", "m_1"}, {"written", true}, {"text", "The *rent* is due (§ 1)."}});
  report.page->text.clear();
  CHECK_THAT(legal::to_markdown(report), ContainsSubstring("*The model m\\_1 was late or away: this summary consists of the text's own sentences.*"));
  CHECK(nlohmann::json::parse(legal::to_json(report))["written_summary"] == nlohmann::json{{"model", "m_1"}, {"written", false}});
}

TEST_CASE("a model is given sentences with their places, of a long text not too many of them") {
  std::string text;
  for (int i = 1; i <= 600; ++i) text += "Article " + std::to_string(i) + "\n\nThe parties must keep the peace in the place number " + std::to_string(i) + " of the list.\n\n";
  const auto contents = legal::split(legal::make_document("x", text));
  REQUIRE(contents.sections.size() == 600);
  const auto material = legal::gather_material(contents, legal::merge(contents, {}));
  CHECK_THAT(material.sentences, Catch::Matchers::StartsWith("(Article 1) The parties must keep the peace in the place number 1 of the list.\n"));
  CHECK(material.sentences.size() > 15'000);
  CHECK(material.sentences.size() < 25'000);
}

TEST_CASE("the summary is sentences of the text in its order") {
  const auto document = legal::read_document(LEGAL_DOCUMENT_DATA "/gpl-3.0.txt");
  const auto contents = legal::split(document);
  std::vector<legal::summary> summaries;
  for (std::size_t i = 0; i < contents.sections.size(); ++i) summaries.push_back({i, {{0, 1.0f}}});
  const auto page = legal::merge(contents, summaries).page;
  REQUIRE(page.size() >= 5);
  for (std::size_t i = 1; i < page.size(); ++i) CHECK(page[i - 1].section < page[i].section);
}

TEST_CASE("the command line is read into options") {
  const std::vector<const char*> given = {"--json", "--out=x=y.json", "--batch", "8", "--instances=2", "-q",
                                          "--",     "--odd=name.txt"};
  const auto options = legal::parse_options(given);
  CHECK(options.format == legal::report_format::json);
  CHECK(options.out == "x=y.json");
  CHECK(options.max_batch_size == 8);
  CHECK(options.instances == 2);
  CHECK(options.quiet);
  CHECK(options.file == "--odd=name.txt");
  CHECK(legal::parse_options({}).file.empty());
  CHECK(legal::report_file(legal::parse_options({})) == "report.md");
}

TEST_CASE("a wrong command line is refused with what was expected") {
  const auto refusal = [](std::vector<const char*> given) -> std::string {
    try {
      legal::parse_options(given);
    } catch (const legal::usage_error& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK(refusal({"--nonsense"}) == "unknown option '--nonsense'");
  CHECK(refusal({"--out"}) == "--out needs a value");
  CHECK(refusal({"--json=yes"}) == "--json takes no value");
  CHECK(refusal({"--batch", "0"}) == "--batch must be a number from 1 to 256, not '0'");
  CHECK_THAT(refusal({"a.txt", "b.txt"}), ContainsSubstring("only one FILE"));
  CHECK_THAT(refusal({"--model", "m"}), ContainsSubstring("--llm, which is missing"));
}

TEST_CASE("the help names every option") {
  for (const char* option : {"--out", "--json", "--diagram", "--mermaid", "--batch", "--instances", "--key-points", "--llm", "--model",
                             "--provider", "--quiet", "--help", "FILE", "Exit status"})
    CHECK_THAT(std::string(legal::help_text()), ContainsSubstring(option));
}

TEST_CASE("progress is plain lines where there is no terminal") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  CHECK(legal::style_for(file) == legal::progress_style::lines);
  {
    legal::progress progress(file, legal::progress_style::lines);
    progress.begin("summarise", 20);
    for (int i = 0; i < 20; ++i) progress.step();
  }
  std::string text(400, '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  CHECK(text.starts_with("summarise: 20\n  2 of 20\n"));
  CHECK(text.ends_with("  20 of 20\n"));
  CHECK(text.find('\r') == std::string::npos);
}

}  // namespace legal_report_test
