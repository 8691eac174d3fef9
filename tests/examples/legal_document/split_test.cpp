// SPDX-License-Identifier: BSL-1.0
#include "legal_document/sentences.hpp"
#include "legal_document/split.hpp"
#include "legal_document/utf8.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace legal_split_test {

using names = std::vector<std::string>;

legal::contents split_text(const std::string& text) { return legal::split(legal::make_document("sample.txt", text)); }

names names_of(const legal::contents& of) {
  names out;
  for (const auto& section : of.sections) out.push_back(legal::name_of(section));
  return out;
}

names places_of(const legal::contents& of) {
  names out;
  for (const auto& section : of.sections)
    for (const auto& sentence : section.sentences) out.push_back(legal::place_of(section, sentence));
  return out;
}

TEST_CASE("the GNU GPL v3 splits into its opening, preamble, eighteen sections and appendix") {
  const auto gpl = legal::split(legal::read_document(LEGAL_DOCUMENT_DATA "/gpl-3.0.txt"));
  CHECK(gpl.title == "GNU GENERAL PUBLIC LICENSE");
  CHECK(gpl.subtitle == "Version 3, 29 June 2007");
  const names found = names_of(gpl);
  REQUIRE(found.size() == 21);
  CHECK(found[1] == "Preamble");
  CHECK(found[2] == "0. Definitions");
  CHECK(found[5] == "3. Protecting Users' Legal Rights From Anti-Circumvention Law");
  CHECK(found[19] == "17. Interpretation of Sections 15 and 16");
  CHECK(found[20] == "How to Apply These Terms to Your New Programs");
  CHECK(gpl.sections[2].chapter == "TERMS AND CONDITIONS");
  CHECK(gpl.sections[20].chapter.empty());
  const names places = places_of(gpl);
  for (const char* place : {"§ 5(a)", "§ 5(d)", "§ 6(e)", "§ 7(f)"})
    CHECK(std::count(places.begin(), places.end(), place) >= 1);
}

TEST_CASE("no sentence of the GNU GPL v3 is a heading, broken over lines or cut inside quotes") {
  const auto gpl = legal::split(legal::read_document(LEGAL_DOCUMENT_DATA "/gpl-3.0.txt"));
  for (const auto& section : gpl.sections)
    for (const auto& sentence : section.sentences) {
      INFO(sentence.text);
      CHECK(sentence.text != section.heading);
      CHECK(sentence.text.find('\n') == std::string::npos);
      CHECK(sentence.text.find("  ") == std::string::npos);
      CHECK(std::count(sentence.text.begin(), sentence.text.end(), '"') % 2 == 0);
      if (sentence.lead.empty() && sentence.text.find('<') == std::string::npos)
        CHECK((legal::ends_sentence(sentence.text) || sentence.text.ends_with(':')));
    }
}

TEST_CASE("articles, sections, chapters and paragraph signs open sections") {
  const auto text = split_text(
      "SERVICE AGREEMENT\n\nChapter II\nObligations\n\nArticle 1\nDefinitions\n\nIn this agreement words have their "
      "meaning.\n\n"
      "Article 2. Fees\nThe customer shall pay the fees.\n\nSection 2.1 Late payment. Interest is due after a "
      "delay.\n\n"
      "ARTICLE IV\nTERM AND TERMINATION\nThis agreement ends after a year.\n\n§ 3 Notices\nNotices must be in "
      "writing.\n");
  CHECK(text.title == "SERVICE AGREEMENT");
  CHECK(names_of(text) == names{"Article 1 — Definitions", "Article 2 — Fees", "Section 2.1 — Late payment",
                                "Article IV — TERM AND TERMINATION", "§ 3 — Notices"});
  CHECK(text.sections[0].chapter == "Chapter II — Obligations");
  CHECK(text.sections[2].chapter == "Chapter II — Obligations › Article 2 — Fees");
}

TEST_CASE("a reference at the start of a line opens no section") {
  const auto text = split_text(
      "1. Scope.\n\nThe notice modifies the requirement in section\n7. This rule applies to the terms named in\n"
      "Section 4 of this agreement and in\nArticle 3, which stays in force.\n\n2. Notices.\n\nNotices must be in "
      "writing.\n");
  CHECK(names_of(text) == names{"1. Scope", "2. Notices"});
}

TEST_CASE("clauses are numbered, lettered and nested") {
  const auto text = split_text(
      "1. Duties\n\n1.1 The Supplier shall keep the goods safe.\n\n1.2 The Supplier shall not sell the goods.\n\n"
      "(a) A sale needs consent.\n\n(i) Consent must be in writing.\n\n(b) A loan needs a notice.\n");
  CHECK(places_of(text) == names{"§ 1.1", "§ 1.2", "§ 1.2(a)", "§ 1.2(a)(i)", "§ 1.2(b)"});
}

TEST_CASE("a short list that completes its lead-in is one sentence, a long one keeps its lead-in with each item") {
  const auto brief =
      split_text("1. Duties\n\nThe Supplier shall:\n(a) deliver the goods;\n(b) insure them; and\n(c) keep records.\n");
  REQUIRE(brief.sections.front().sentences.size() == 1);
  CHECK(brief.sections.front().sentences.front().text ==
        "The Supplier shall: (a) deliver the goods; (b) insure them; and (c) keep records.");

  const std::string item =
      "deliver the goods that the Customer has ordered to the place that the order names, at the time that it names, "
      "and in the packaging that "
      "the law of that place requires for goods of this kind, together with all the papers that are needed for their "
      "import;\n";
  const auto lengthy = split_text("1. Duties\n\nThe Supplier shall:\n(a) " + item + "(b) " + item + "(c) " + item +
                                  "(d) keep records.\n");
  REQUIRE(lengthy.sections.front().sentences.size() == 5);
  CHECK(lengthy.sections.front().sentences[1].lead == "The Supplier shall:");
  CHECK(lengthy.sections.front().sentences[4].clause == "(d)");
}

TEST_CASE("Chinese chapters, articles and items split") {
  const auto zh = legal::split(legal::read_document(LEGAL_DOCUMENT_DATA "/zh-sample.txt"));
  CHECK(zh.title == "软件服务合同（示范文本）");
  REQUIRE(zh.sections.size() == 27);
  CHECK(legal::name_of(zh.sections[1]) == "第一条 — 目的");
  CHECK(zh.sections[1].chapter == "第一章 — 总则");
  CHECK(zh.sections[26].number == "第二十六条");
  CHECK(zh.sections[26].chapter == "第六章 — 变更、解除与争议解决");
  const auto counted = split_text(
      "管理办法\n\n一、适用范围\n\n本办法适用于全体员工。依照\n第三条的规定执行。\n\n二、要求\n\n员工必须遵守下列规定："
      "\n（一）按时到岗；\n（二）保持整洁。\n");
  CHECK(names_of(counted) == names{"一 — 适用范围", "二 — 要求"});
  REQUIRE(counted.sections.size() == 2);
  CHECK(counted.sections[1].sentences.front().text == "员工必须遵守下列规定：（一）按时到岗；（二）保持整洁。");
}

TEST_CASE("a text without sections is cut by length at sentence ends") {
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += "The party number " + std::to_string(i) + " keeps its promise to the other party. ";
  const auto parts = split_text(text);
  REQUIRE(parts.sections.size() == 5);
  CHECK(legal::name_of(parts.sections[4]) == "Part 5");
  for (const auto& part : parts.sections)
    for (const auto& sentence : part.sentences) CHECK(sentence.text.ends_with("other party."));
}

TEST_CASE("no section has more sentences than a row of the model, and nothing is lost") {
  std::string text = "1. Everything\n\n";
  for (int i = 0; i < 200; ++i) text += "Sentence number " + std::to_string(i) + " is here. ";
  const auto cut = split_text(text);
  std::size_t total = 0;
  for (const auto& section : cut.sections) {
    CHECK(section.sentences.size() <= legal::max_sentences);
    total += section.sentences.size();
  }
  CHECK(total == 200);
  CHECK(names_of(cut) ==
        names{"1. Everything, part 1", "1. Everything, part 2", "1. Everything, part 3", "1. Everything, part 4"});
}

TEST_CASE("numbers without headings, underlined headings and centred capitals open sections") {
  const auto text = split_text(
      "LICENSE\n\nPreamble\n\nThis is a license for everybody who reads it.\n\n"
      "                LICENSE\n   TERMS AND CONDITIONS\n\n  0. This License applies to any program that says so.\n\n"
      "  1. You may copy the program.\n\n            NO WARRANTY\n\n  2. BECAUSE THE PROGRAM IS FREE OF CHARGE, THERE "
      "IS NO\n"
      "WARRANTY FOR THE PROGRAM.\n\n3. Responsibilities\n-------------------\n\n3.1. Notices\n\nYou must keep all "
      "notices.\n");
  CHECK(names_of(text) == names{"Preamble", "§ 0", "§ 1", "§ 2", "3.1. Notices"});
  CHECK(text.sections[1].chapter == "TERMS AND CONDITIONS");
  CHECK(text.sections[3].chapter == "NO WARRANTY");
  CHECK(text.sections[3].sentences.front().text ==
        "BECAUSE THE PROGRAM IS FREE OF CHARGE, THERE IS NO WARRANTY FOR THE PROGRAM.");
}

TEST_CASE("a clause's own heading is no sentence, and its list ends before the next clause") {
  const auto text = split_text(
      "ARTICLE II\nUSE\n\n2.1 Rent. The Tenant shall pay the rent to P.O. Box 7.\n\n2.2 The Tenant shall not:\n"
      "(a) sublet the house; or\n(b) keep animals.\n\n2.3 The Landlord may enter.\n");
  REQUIRE(text.sections.size() == 1);
  const auto& found = text.sections.front().sentences;
  REQUIRE(found.size() == 3);
  CHECK(found[0].text == "The Tenant shall pay the rent to P.O. Box 7.");
  CHECK(found[1].text == "The Tenant shall not: (a) sublet the house; or (b) keep animals.");
  CHECK(legal::place_of(text.sections.front(), found[2]) == "Article II, 2.3");
}

TEST_CASE("abbreviations, initials, numbers and decimals end no sentence") {
  CHECK(legal::sentences_of(
            "See e.g. The Act and No. 3 of Art. 5. It costs 3.5 percent. J. Smith of Acme Inc. signed it. He left.") ==
        names{"See e.g. The Act and No. 3 of Art. 5.", "It costs 3.5 percent.", "J. Smith of Acme Inc. signed it.",
              "He left."});
  CHECK(legal::sentences_of("It was sold by Acme Inc. The buyer paid.") ==
        names{"It was sold by Acme Inc.", "The buyer paid."});
  CHECK(legal::sentences_of("He said \"Stop.\" She did. (It was late.) So be it!") ==
        names{"He said \"Stop.\"", "She did.", "(It was late.)", "So be it!"});
}

TEST_CASE("Chinese sentences end at their own marks, closing quotes included") {
  CHECK(legal::sentences_of("甲方应当付款。乙方称“已收到。”双方签字！") ==
        names{"甲方应当付款。", "乙方称“已收到。”", "双方签字！"});
}

TEST_CASE("a sentence without an end is cut at a bounded length, between words") {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "endless ";
  for (const auto& sentence : legal::sentences_of(text)) {
    CHECK(sentence.size() <= legal::max_sentence_bytes);
    CHECK(sentence.ends_with("endless"));
  }
  std::string chinese;
  for (int i = 0; i < 2000; ++i) chinese += "字";
  for (const auto& sentence : legal::sentences_of(chinese))
    CHECK(legal::find_invalid_utf8(sentence) == std::string::npos);
}

TEST_CASE("every text has a section, even one of headings only") {
  for (const char* text : {"word", "Preamble\n\nDefinitions\n", "Article 1\n", "1.\n2.\nx\n", "# Title\n",
                           "(a)\n(b) b\n", "第一条\n", "....x....\n"}) {
    INFO(text);
    const auto split = split_text(text);
    REQUIRE_FALSE(split.sections.empty());
    for (const auto& section : split.sections) CHECK_FALSE(section.sentences.empty());
  }
}

}  // namespace legal_split_test
