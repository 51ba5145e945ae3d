"""Questions about pocket tasks, and who answers by rule what the pipeline asks about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from ocinterp.errors import DataError, ModelError
from ocinterp.feedback import tests
from ocinterp.feedback.execution import report_failure
from ocinterp.feedback.tests import Evaluated
from ocinterp.parse import extract_cells, meaning
from ocinterp.synth import prompts
from ocinterp.synth.ingest import Given, queries
from ocinterp.synth.pocket import questions, teacher
from ocinterp.synth.pocket.rehearsal import Rehearsal
from ocinterp.synth.pocket.teacher import WISHES, Rule
from ocinterp.synth.queries import Query
from ocinterp.tasks.pocket.benchmark import Item, held_out
from ocinterp.types import Cell, ExecutionResult, Message, Outcome, Run

SYSTEM = Message("system", prompts.INTERPRETER)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Query]:
    """Sixty, as the pipeline reads them from a file."""
    path = tmp_path_factory.mktemp("questions") / "q.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in islice(questions.rows("test"), 60)))
    found = list(queries(Given(path)))
    return [each for each in found if isinstance(each, Query)]


def holds(program: str, query: Query) -> bool:
    """Whether a program of ours passes the question's tests."""
    return Rehearsal().run(Cell("1", f"{program}\n\n\n{query.facts.tests}")).ok


def code(text: str) -> str:
    (cell,) = extract_cells(text)
    return cell.source


def test_a_question_has_programs_that_pass_its_tests_and_says_what_it_is_of(asked: list[Query]) -> None:
    assert len(asked) == 60
    for each in asked:
        assert (each.origin.dataset, each.origin.licence) == ("pocket", "Apache-2.0")
        assert each.facts.entry_point in each.text
        assert each.facts.tags
        assert holds(code(each.answer), each)
        assert all(holds(one.source, each) for one in each.facts.solutions)
        assert len({meaning(one.source) for one in each.facts.solutions}) == len(each.facts.solutions)
    assert 10 < sum(len(each.facts.solutions) > 1 for each in asked) < 50
    assert list(islice(questions.rows("test"), 3)) == list(islice(questions.rows("test"), 3))


def test_no_question_is_about_a_task_of_the_benchmark() -> None:
    kept = {meaning(each.program.source()) for each in held_out().values()}
    for row in islice(questions.rows("other"), 200):
        assert meaning(row["solutions"][0]["source"]) not in kept


def rule(asked: list[Query]) -> Rule:
    return Rule.of(asked)


def test_a_wrong_answer_is_mended_by_the_step_that_is_wrong(asked: list[Query]) -> None:
    query = next(each for each in asked if each.facts.difficulty == "hard")
    right = query.facts.solutions[0].source
    lines = [line for line in right.splitlines() if not line.lstrip().startswith("#")]
    wrong = "\n".join([*lines[:-1], "    return None"])
    dialogue = [SYSTEM, Message("user", query.text), Message("assistant", f"```python\n{wrong}\n```"), Message("user", "Execution result:\n(no output)")]  # fmt: skip
    said = rule(asked).reply(dialogue)
    assert said.startswith(f"Step {len(lines) - 1} is: ")
    assert code(said) == right
    dialogue[2] = Message("assistant", f"```python\n{right}\n```")
    assert rule(asked).reply(dialogue) == "It ran without an error."


def misread(asked: list[Query]) -> Iterator[tuple[Query, Item, str]]:
    """Programs that do something else than was meant, in a way that nobody who reads the request can know."""
    for query in asked:
        item = questions.item_of(query.facts.name)
        assert item is not None
        for at in item.wording.open_steps:
            steps = list(item.program.steps)
            meanings = range(len(steps[at].operation.meanings))
            steps[at] = steps[at].meaning_as(next(each for each in meanings if each != steps[at].meaning))
            source = item.program.with_steps(steps).source()
            if not holds(source, query):
                yield query, item, source


def test_what_was_meant_its_person_says_and_nobody_else(asked: list[Query]) -> None:
    person = Message("system", prompts.PERSON.format(categories="- syntax: it does not run"))
    heard = 0
    for query, item, source in misread(asked):
        answer = f"```python\n{source}\n```"
        dialogue = [SYSTEM, Message("user", query.text), Message("assistant", answer), Message("user", "Execution result:\n(no output)")]  # fmt: skip
        assert teacher.holds(item, source) is False
        assert rule(asked).reply(dialogue) == "It ran without an error."
        spoken = f"## user\n\n{query.text}\n\n## assistant\n\n{answer}\n\n## user\n\nExecution result:\n(no output)\n\n## assistant\n\nIt ran without an error."
        opinion = json.loads(rule(asked).reply([person, Message("user", spoken)]))
        assert opinion["category"] == "functionality"
        dialogue += [Message("assistant", "It ran without an error."), Message("user", opinion["feedback"])]
        after = rule(asked).reply(dialogue)
        assert holds(code(after), query)
        for given, followed in ((after, True), (answer, False), ("No.", False)):
            brief = prompts.FOLLOWED.format(asked=query.text, before=source, said=opinion["feedback"], after=given)
            assert json.loads(rule(asked).reply([Message("user", brief)]))["followed"] is followed
        heard += 1
    assert heard > 10


def test_tests_that_do_not_hold_say_what_was_meant(asked: list[Query]) -> None:
    """The programmer sees them, and mends; shown tests do not hide which question it is."""
    for query, item, source in misread(asked):
        failed = Evaluated("f(1) == 2", ExecutionResult("test.1", Outcome.ERROR), "3")
        shown = f"{query.text}\n\n{tests.asked(['f(1) == 2'])}"
        answer = Message("assistant", f"```python\n{source}\n```")
        dialogue = [SYSTEM, Message("user", shown), answer, Message("user", tests.report([failed]).text)]
        assert code(rule(asked).reply(dialogue)) == teacher.right(item)


def test_a_program_that_is_right_in_another_way_is_let_be(asked: list[Query]) -> None:
    query = asked[0]
    (item,) = filter(None, [questions.item_of(query.facts.name)])
    other = item.program.source().replace(item.program.argument, "given")
    assert teacher.holds(item, other) is True
    dialogue = [SYSTEM, Message("user", query.text), Message("assistant", f"```python\n{other}\n```"), Message("user", "Execution result:\n(no output)")]  # fmt: skip
    assert rule(asked).reply(dialogue) == "It ran without an error."
    dialogue[-1] = Message("user", WISHES[0].words)
    documented = code(rule(asked).reply(dialogue))
    assert holds(documented, query)
    assert "given" in documented
    failed = report_failure((Run(Cell("1.1", other), ExecutionResult("1.1", Outcome.TIMEOUT)),))
    dialogue[-1] = Message("user", failed.text)
    assert code(rule(asked).reply(dialogue)) == teacher.right(item)


def test_a_line_that_nobody_asked_for_is_named(asked: list[Query]) -> None:
    query = asked[0]
    slow = code(teacher.broken(questions.item_of(query.facts.name) or pytest.fail("no task"), "timeout"))
    dialogue = [SYSTEM, Message("user", query.text), Message("assistant", f"```python\n{slow}\n```"), Message("user", "Timeout")]  # fmt: skip
    said = rule(asked).reply(dialogue)
    assert said.startswith("`start = 0` is not needed.")
    assert holds(code(said), query)


@pytest.mark.parametrize("kind", [kind for kind in prompts.MISTAKES if kind != "timeout"])
def test_mistakes_show_as_what_they_are(asked: list[Query], kind: str) -> None:
    order = Message("system", prompts.BROKEN.format(kind=prompts.MISTAKES[kind]))
    shown: list[str] = []
    for each in asked:
        said = rule(asked).reply([order, Message("user", each.text)])
        if "```" in said:
            result = Rehearsal().run(Cell("1", code(said)))
            shown.append(result.error.name if result.error else "")
    names = {"syntax": {"SyntaxError", "IndentationError"}, "name": {"NameError", "UnboundLocalError"},
             "type": {"TypeError", "AttributeError"}, "logic": {"AssertionError"}}[kind]  # fmt: skip
    assert set(shown) <= names
    assert len(shown) > 15


def opinions(asked: list[Query]) -> Iterator[tuple[Query, dict[str, str]]]:
    """What its person says of each question's own answer."""
    person = Message("system", prompts.PERSON.format(categories="- syntax: it does not run"))
    for each in asked:
        dialogue = f"## user\n\n{each.text}\n\n## assistant\n\n{each.answer}"
        yield each, json.loads(rule(asked).reply([person, Message("user", dialogue)]))


def test_a_person_wishes_what_can_be_seen_and_the_judge_sees_it(asked: list[Query]) -> None:
    content = 0
    for query, opinion in opinions(asked):
        if opinion["not_satisfied"] == "nothing":
            content += 1
            continue
        wish = next(each for each in WISHES if each.words == opinion["feedback"])
        assert wish.category == opinion["category"]
        before = code(query.answer)
        dialogue = [SYSTEM, Message("user", query.text), Message("assistant", query.answer), Message("user", f"Execution result:\n(no output)\n\n{wish.words}")]  # fmt: skip
        after = rule(asked).reply(dialogue)
        assert holds(code(after), query)
        for answer, followed in ((after, True), (f"```python\n{before}\n```", False), ("No.", False)):
            brief = prompts.FOLLOWED.format(asked=query.text, before=before, said=wish.words, after=answer)
            assert json.loads(rule(asked).reply([Message("user", brief)]))["followed"] is followed
    assert 0 < content < 25


def test_a_seed_may_have_any_letters_and_other_names_are_no_tasks(tmp_path: Path) -> None:
    row = next(questions.rows("2024/05"))
    assert questions.item_of(row["name"]) is not None
    assert questions.item_of("pocket/foo") is None
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({**row, "dataset": "mine"}) + "\n")
    (query,) = queries(Given(path))
    assert isinstance(query, Query)
    assert not Rule.of([query]).names


def test_nothing_is_printed_while_mistakes_are_tried(asked: list[Query], capsys: pytest.CaptureFixture[str]) -> None:
    for each in asked:
        for kind in prompts.MISTAKES:
            task = questions.item_of(each.facts.name)
            assert task is not None
            teacher.broken(task, kind)
    assert capsys.readouterr().out == ""


async def test_a_question_of_others_has_no_rule(asked: list[Query]) -> None:
    with pytest.raises(ModelError, match=r"there is no rule for this question, .*: 'Sort it.*'; a plan"):
        await rule(asked).generate(
            [SYSTEM, Message("user", "Sort it."), Message("assistant", "x"), Message("user", "y")]
        )


def test_its_answers_are_those_of_its_edition(asked: list[Query]) -> None:
    """A journal keeps what it has said: if it says anything else to the same words, raise EDITION, and put its digest here."""
    said = [json.dumps(opinion) for _, opinion in opinions(asked)]
    for words in prompts.MISTAKES.values():
        order = Message("system", prompts.BROKEN.format(kind=words))
        said += [rule(asked).reply([order, Message("user", each.text)]) for each in asked[:20]]
    for query, item, source in misread(asked):
        dialogue = [SYSTEM, Message("user", query.text), Message("assistant", f"```python\n{source}\n```")]
        for heard in ("Execution result:\n(no output)", WISHES[0].words, "No."):
            said.append(rule(asked).reply([*dialogue, Message("user", heard)]))
        said.append(str(teacher.holds(item, source.replace("    return", "    import math\n    return"))))
    digest = hashlib.blake2b("\n".join(said).encode(), digest_size=8).hexdigest()
    assert (teacher.EDITION, digest) == (3, "651961a437b572a0")


def test_a_form_of_another_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({"format": "ocinterp-question/2", "question": "x"}) + "\n")
    with pytest.raises(DataError, match="its format is 'ocinterp-question/2': this reads ocinterp-question/1"):
        list(queries(Given(path)))
