"""`ocinterp eval` as a person runs it: real HTTP, a real sandbox, servers that die, runs that are killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

import ocinterp as package
from cli.conftest import Command, Serve
from evaluations import ADD, HIDDEN, TWICE, WRONG, open_desk, write_benchmark
from ocinterp.bench import attempts
from ocinterp.bench.attempts import Attempt
from ocinterp.bench.conv import NAMES
from ocinterp.bench.run import Ended
from ocinterp.bench.settings import Setting, chosen
from ocinterp.errors import ModelError
from ocinterp.journal import Journal, Journaled, Reader
from ocinterp.models.http import HttpModel
from ocinterp.testing import Asked, Refuses, Says, ScriptedServer, code

pytestmark = pytest.mark.usefixtures("namespaces")


def said_to(asked: Asked) -> list[str]:
    messages = cast("list[dict[str, str]]", asked.body["messages"])
    return [each["content"] for each in messages]


async def pupil(asked: Asked) -> Says:
    """Knows twice; gets add wrong at first, and right once it is told anything."""
    messages = said_to(asked)
    if "`twice`" in messages[0]:
        return Says(code(TWICE))
    return Says(code(WRONG if len(messages) == 1 else ADD))


async def critic(asked: Asked) -> Says:
    return Says("Look at the sign.")


@pytest.fixture
def own(home: Path, ocinterp: Command) -> str:
    """The name of the tiny benchmark, imported."""
    assert ocinterp("data", "import", write_benchmark(home)).code == 0
    return "own"


def test_settings_side_by_side_from_one_command(home: Path, ocinterp: Command, serve: Serve, own: str) -> None:
    model, other = serve(pupil, repeat_last=True), serve(critic, repeat_last=True)
    names = "single,resample,visible,execution,human,oracle"
    ended = ocinterp("eval", own, "--model", model, "--critic", other, "--setting", names, "--json", "run.json")
    assert ended.code == 0, ended.err
    content = json.loads((home / "run.json").read_text())
    assert {name: (each["pass@1"], each["n"]) for name, each in content["settings"].items()} == {
        "single": (0.5, 2),
        "resample": (0.5, 2),
        **dict.fromkeys(("visible", "execution-base", "execution-plus", "human-base"), (1.0, 2)),
        **dict.fromkeys(("human-plus", "oracle-base", "oracle-plus"), (1.0, 2)),
    }
    assert (content["model"], content["crashed"], content["dataset"]["known"]) == ("scripted", 0, False)
    assert "execution-plus *" in ended.out
    assert "compare these numbers with no others" in " ".join(ended.out.split())
    kept = attempts.read(home / "run.jsonl")
    against = {each["rival"]: each for each in content["equal_budget"]}
    assert against.keys() == content["settings"].keys() - {"single", "resample"}
    assert all(each["tokens"] >= each["budget"] > 0 for each in against.values())
    assert "as many tokens" in ended.out
    shown = [turn for key, each in kept.items() if key.setting == "visible" for turn in each.trajectory.turns]
    assert not [each for turn in shown for said in turn.feedback for each in HIDDEN if each in said.text]


def test_a_benchmark_without_plus_tests_has_no_number_for_them(home: Path, ocinterp: Command, serve: Serve) -> None:
    task = {"task_id": "mine/add", "prompt": "Add two numbers.", "entry_point": "add"}
    tests = ["assert add(1, 2) == 3", "assert add(5, 7) == 12"]
    (home / "mine.jsonl").write_text(json.dumps({**task, "tests": tests}))
    assert ocinterp("data", "import", home / "mine.jsonl").code == 0
    model = serve(pupil, repeat_last=True)
    ended = ocinterp("eval", "mine", "-m", model, "--setting", "single,resample,visible", "--json", "run.json")
    assert ended.code == 0, ended.err
    found = json.loads((home / "run.json").read_text())["settings"]
    assert {name: each["measure"] for name, each in found.items()} == {
        "single": "base",
        "resample": "base",
        "visible": "unseen",
    }
    assert all("plus" not in each and {"base", "unseen"} <= each.keys() for each in found.values())
    assert "plus" not in ended.out


def test_the_first_answer_is_paid_for_once_whatever_the_settings(
    home: Path, ocinterp: Command, serve: Serve, own: str
) -> None:
    asked: list[str] = []

    async def counting(each: Asked) -> Says:
        asked.append("\n".join(said_to(each)))
        return await pupil(each)

    model = serve(counting, repeat_last=True)
    assert ocinterp("eval", own, "-m", model, "--setting", "single,visible,execution", "--json", "run.json").code == 0
    assert max(Counter(asked).values()) == 1
    again = ocinterp("eval", own, "-m", model, "--setting", "single,visible", "--json", "run.json")
    assert (again.code, "--resume goes on with them" in again.err) == (2, True)
    (home / "run.jsonl").unlink()  # the journal still has what was paid for
    count = len(asked)
    assert ocinterp("eval", own, "-m", model, "--setting", "single,visible", "--json", "run.json").code == 0
    assert len(asked) == count


def test_a_resumed_run_of_another_model_is_refused(home: Path, ocinterp: Command, serve: Serve, own: str) -> None:
    model = serve(pupil, repeat_last=True)
    assert ocinterp("eval", own, "-m", model, "--limit", "1", "--json", "run.json").code == 0
    other = ocinterp("eval", own, "-m", model.replace("scripted@", "other@"), "--resume", "--json", "run.json")
    assert (other.code, "of another run: its model is scripted, not other" in other.err) == (2, True)
    more = ocinterp("eval", own, "-m", model, "--resume", "--json", "run.json")
    assert (more.code, json.loads((home / "run.json").read_text())["settings"]["single"]["n"]) == (0, 2)


def test_the_nine_combinations_from_one_command(home: Path, ocinterp: Command, serve: Serve, own: str) -> None:
    model, other = serve(pupil, repeat_last=True), serve(critic, repeat_last=True)
    run = ("eval", own, "-m", model, "--setting", "conv", "--json", "run.json")
    alone = ocinterp(*run)
    assert (alone.code, "conv-novice needs somebody to look at the answers: --critic MODEL" in alone.err) == (2, True)
    ended = ocinterp(*run, "--critic", other, "--price", "1,2", "--critic-price", "0,10")
    assert ended.code == 0, ended.err
    found = json.loads((home / "run.json").read_text())["settings"]
    silent = {"conv-compile", "conv-novice"}  # what compiles is not spoken of
    assert {name: (each["pass@1"], each["mrr"], each["recall"]) for name, each in found.items()} == {
        name: (0.5, 0.5, 0.5) if name in silent else (1.0, 0.75, 1.0) for name in NAMES
    }
    assert {name for name, each in found.items() if each["scoring_tests_shown"]} == set(NAMES) - silent
    assert {name for name, each in found.items() if each["solution_shown"]} == {e for e in NAMES if "expert" in e}
    assert {name for name, each in found.items() if each["critic_tokens"]["completion_tokens"]} == {
        each for each in NAMES if each.endswith(("novice", "expert")) and each not in silent
    }
    assert found["conv-full-expert"]["dollars"]["critic"] > found["conv-full"]["dollars"]["critic"] == 0
    words = ended.out.split()
    assert {"MRR", "recall", "critic's", "cost", "conv-partial-expert"} <= set(words)
    assert "…" not in ended.out  # all columns are there on 80 characters
    assert "** and a critic had the solution" in " ".join(words)
    again = ocinterp("report", "run.json", "--html", "run.html", "--csv", "run.csv")
    assert (again.code, again.out) == (0, ended.out)
    page = (home / "run.html").read_text()
    assert all(f"{name}<" in page for name in NAMES)
    assert "of it the critic&#x27;s" in page


def test_resampling_goes_on_where_it_ended(home: Path, ocinterp: Command, serve: Serve, own: str) -> None:
    asked: list[object] = []

    async def counting(each: Asked) -> Says:
        asked.append(each.body["temperature"])
        return await pupil(each)

    run = ("eval", own, "-m", serve(counting, repeat_last=True), "--setting", "resample,visible", "--json", "run.json")
    assert ocinterp(*run, "--turns", "3").code == 0
    whole, count = (home / "run.json").read_text(), len(asked)
    kept = (home / "run.jsonl").read_text().splitlines(keepends=True)
    for left in range(len(kept)):
        (home / "run.jsonl").write_text("".join(kept[:left]))
        assert ocinterp(*run, "--turns", "3", "--resume").code == 0
        assert (home / "run.json").read_text() == whole
    assert len(asked) == count  # all of it was paid for
    again = ocinterp("report", "run.json", "--html", "run.html")
    assert (again.code, "as many tokens" in again.out) == (0, True)
    assert "What the same tokens buy without feedback" in (home / "run.html").read_text()
    assert asked.index(0.8) > asked.index(0)  # though it is named first


def test_a_model_that_repeats_itself_is_asked_for_another_answer(
    home: Path, ocinterp: Command, serve: Serve, own: str
) -> None:
    warm: list[object] = []

    async def stubborn(each: Asked) -> Says:
        temperature = each.body["temperature"]
        warm.extend([temperature] if temperature else [])
        return Says(code(TWICE if "`twice`" in said_to(each)[0] else ADD if len(warm) == 2 else WRONG))

    model = serve(stubborn, repeat_last=True)
    run = ("eval", own, "-m", model, "--setting", "execution-base", "--json")
    assert ocinterp(*run, "plain.json").code == 0
    assert warm == []
    ended = ocinterp(*run, "again.json", "--again", "0.5")
    assert (ended.code, warm) == (0, [0.5, 0.5])
    found = [
        json.loads((home / f"{name}.json").read_text())["settings"]["execution-base"] for name in ("plain", "again")
    ]
    assert [each["pass@1"] for each in found] == [0.5, 1.0]
    assert found[0]["tokens"]["completion_tokens"] < found[1]["tokens"]["completion_tokens"]
    assert ocinterp(*run, "again.json", "--again", "0.5", "--resume").code == 0
    assert len(warm) == 2  # paid for
    other = ocinterp(*run, "again.json", "--resume")
    assert (other.code, "its again is 0.5, not" in other.err) == (2, True)


def test_the_papers_one_prompt_and_a_chat_are_not_mixed_in_one_run(
    home: Path, ocinterp: Command, serve: Serve, own: str
) -> None:
    asked: list[list[str]] = []

    async def listening(each: Asked) -> Says:
        asked.append(said_to(each))
        again = "@@ Response" in asked[-1][0]
        return Says(code(ADD)) if again else await pupil(each)

    run = ("eval", own, "-m", serve(listening, repeat_last=True), "--setting", "execution", "--json", "run.json")
    assert ocinterp(*run, "--glued").code == 0
    assert [len(each) for each in asked] == [1] * len(asked)
    content = json.loads((home / "run.json").read_text())
    assert content["origin"]["form"] == "glued"
    assert "one prompt" in content["settings"]["execution-base"]["label"]
    assert content["settings"]["execution-base"]["pass@1"] == 1.0
    other = ocinterp(*run, "--resume")
    assert (other.code, "of another run: its form is glued, not chat" in other.err) == (2, True)
    kept = home / "run.jsonl"
    kept.write_text(kept.read_text().replace('"form":"glued",', ""))  # as runs were before there was a choice
    older = ocinterp(*run, "--glued", "--resume")
    assert (older.code, "of another run: its form is chat, not glued" in older.err) == (2, True)


def test_a_budget_is_not_exceeded_and_what_was_paid_for_is_kept(
    home: Path, ocinterp: Command, serve: Serve, own: str
) -> None:
    model = serve(pupil, repeat_last=True)
    ended = ocinterp(
        *("eval", own, "-m", model, "--budget", "1 call", "--concurrency", "1", "--json", "run.json"),
    )
    assert ended.code == 3
    assert "the budget is exhausted" in ended.err
    assert "1 attempts are left: --resume goes on" in ended.err
    found = json.loads((home / "run.json").read_text())["settings"]["single"]
    assert (found["pass@1"], found["n"], found["missing"]) == (None, 1, 1)


def test_a_refusing_server_ends_the_run_with_its_reason(home: Path, ocinterp: Command, serve: Serve, own: str) -> None:
    ended = ocinterp("eval", own, "-m", serve(Refuses.because(401, "no such key"), repeat_last=True))
    assert ended.code == 3
    assert "wants an API key (401)" in ended.err
    assert "2 attempts are left" in ended.err


def test_what_a_filter_of_the_server_stops_is_counted_and_said(
    home: Path, ocinterp: Command, serve: Serve, own: str
) -> None:
    model = serve(code(ADD), Refuses.because(400, "content filter"))
    ended = ocinterp("eval", own, "-m", model, "--concurrency", "1", "--json", "run.json")
    assert ended.code == 0
    assert "1 dialogue ended for want of an answer" in ended.out + ended.err
    found = json.loads((home / "run.json").read_text())["settings"]["single"]
    assert (found["n"], found["unsaid"], found["missing"]) == (2, 1, 0)
    assert "content filter" in (home / "run.jsonl").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere"),
        (("own", "--setting", "human"), "human-base needs somebody to look at the answers: --critic MODEL"),
        (("own", "--setting", "tests"), "there is no setting 'tests'"),
        (("own", "--setting", ","), "choose at least one setting"),
        (("own", "--budget", "5"), "a budget in dollars needs --price"),
        (("own", "--budget", "many"), "--budget wants dollars, tokens or calls"),
        (("own", "--price", "3"), "a price is of prompts and of answers"),
        (("own", "--profile", "lax"), "there is no profile 'lax'"),
        (("own", "--json", "run.jsonl"), "call it .json"),
        (("own", "--glued"), "--glued is a form of execution, human and oracle"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_in_a_sentence(
    ocinterp: Command, serve: Serve, own: str, arguments: tuple[str, ...], words: str
) -> None:
    assert own == "own"
    ended = ocinterp("eval", *arguments, "-m", serve(pupil, repeat_last=True))
    assert ended.code == 2
    assert words in ended.err


def test_recorded_answers_are_judged_anew_and_cost_nothing(
    home: Path, ocinterp: Command, serve: Serve, own: str
) -> None:
    model = serve(pupil, repeat_last=True)
    assert ocinterp("eval", own, "-m", model, "--setting", "visible", "--json", "first.json").code == 0
    again = ocinterp("eval", own, "-m", "replay:first.jsonl", "--json", "second.json")
    assert again.code == 0, again.err
    content = json.loads((home / "second.json").read_text())
    assert (content["model"], content["settings"]["recorded"]["pass@1"]) == ("replay:first.jsonl", 1.0)
    assert not (home / "second.journal").exists()
    assert [each.turns for each in attempts.read(home / "second.jsonl").values()]


def test_several_files_are_settings_of_one_report(home: Path, ocinterp: Command, serve: Serve, own: str) -> None:
    model = serve(pupil, repeat_last=True)
    assert ocinterp("eval", own, "-m", model, "--setting", "single", "--json", "logs/before.json").code == 0
    assert ocinterp("eval", own, "-m", model, "--setting", "visible", "--json", "logs/after.json").code == 0
    ended = ocinterp("eval", own, "-m", "replay:logs/*.jsonl", "--json", "both.json")
    assert ended.code == 0, ended.err
    content = json.loads((home / "both.json").read_text())
    assert {name: each["pass@1"] for name, each in content["settings"].items()} == {"after": 1.0, "before": 0.5}
    assert [(each["first"], each["second"], each["lost"]) for each in content["pairs"]] == [("after", "before", 1)]
    assert content["differences"] == []


def test_a_person_cannot_be_asked_many_things_at_once(ocinterp: Command, own: str) -> None:
    ended = ocinterp("eval", own, "--model", "person")
    assert (ended.code, "which takes a model: --model NAME@URL, pocket or hf:NAME" in ended.err) == (2, True)


async def test_a_server_that_dies_half_way_is_gone_on_with_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    answered: list[str] = []
    stuck = asyncio.Event()

    async def dying(asked: Asked) -> Says:
        if len(answered) == 2:
            stuck.set()
            await asyncio.Event().wait()  # until the server is stopped
        answered.append("\n".join(said_to(asked)))
        return await pupil(asked)

    async def living(asked: Asked) -> Says:
        answered.append("\n".join(said_to(asked)))
        return await pupil(asked)

    ended: list[Ended] = []

    async def go_on(server: ScriptedServer) -> None:
        client = HttpModel(server.url, "scripted", max_tokens=100, live=False, sleep=_at_once)
        async with Journal(tmp_path / "run.journal") as journal, client:

            def model(setting: Setting, task_id: str, sample: int) -> Journaled:
                return Journaled(client, journal, "scripted", max_tokens=100, sample=sample, scope=task_id)

            async with open_desk(tmp_path, model, concurrency=1) as desk:
                done = [each for each in ended if isinstance(each, Attempt)]
                wanted = chosen(["visible"], suites=("base", "plus"))
                await desk.evaluate(wanted, ["own/add", "own/twice"], done=done, on_end=ended.append)

    async with ScriptedServer([dying], repeat_last=True) as first:
        run = asyncio.create_task(go_on(first))
        await asyncio.wait_for(stuck.wait(), 60)
    with pytest.raises(ModelError, match="no server answers"):
        await run
    assert [each.key.task_id for each in ended] == ["own/twice"]
    async with ScriptedServer([living], repeat_last=True) as second:
        await go_on(second)
    assert [each.key.task_id for each in ended] == ["own/twice", "own/add"]
    assert max(Counter(answered).values()) == 1
    with Reader(tmp_path / "run.journal") as reader:
        assert [each.state for each in reader.entries()] == ["settled"] * 3


async def _at_once(_: float) -> None:
    return


def _listens() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Interrupted:
    """A run in a process of its own whose second task is never answered, and the same run after its end."""

    home: Path
    answered: list[str] = field(default_factory=list[str])
    stuck: asyncio.Event = field(default_factory=asyncio.Event)
    environment: dict[str, str] = field(
        default_factory=lambda: {**os.environ, "PYTHONPATH": str(Path(package.__path__[0]).parent)}
    )

    async def reply(self, asked: Asked) -> Says:
        text = "\n".join(said_to(asked))
        if "`twice`" in text and not self.stuck.is_set():
            self.stuck.set()
            await asyncio.Event().wait()
        self.answered.append(text)
        return await pupil(asked)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        main = "from ocinterp.cli.main import main; main()"
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", main, *arguments),
            env=self.environment,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_listens,  # a shell that runs tests in the background has its children ignore SIGINT
        )

    async def end_with(self, number: signal.Signals) -> tuple[int, str, int]:
        """The exit code and the last words of the run that is ended so, and the exit code of the one that goes on."""
        await (await self.start("data", "import", str(write_benchmark(self.home)))).communicate()
        async with ScriptedServer([self.reply], repeat_last=True) as server:
            run = ("eval", "own", "--model", f"scripted@{server.url}", "--setting", "visible", "--json", "run.json")
            process = await self.start(*run, "--concurrency", "1")
            await asyncio.wait_for(self.stuck.wait(), 60)
            process.send_signal(number)
            _, words = await process.communicate()
            again = await self.start(*run, "--resume")
            await again.communicate()
        assert server.count == len(self.answered) + 1  # the one that was under way
        assert process.returncode is not None
        assert again.returncode is not None
        return process.returncode, words.decode(), again.returncode

    def numbers(self) -> dict[str, object]:
        return json.loads((self.home / "run.json").read_text())["settings"]["visible"]


async def test_after_kill_9_a_run_goes_on_and_only_what_was_under_way_is_asked_again(home: Path) -> None:
    run = Interrupted(home)
    code, _, again = await run.end_with(signal.SIGKILL)
    assert (code, again) == (-signal.SIGKILL, 0)
    assert (run.numbers()["pass@1"], run.numbers()["n"]) == (1.0, 2)
    assert max(Counter(run.answered).values()) == 1


async def test_ctrl_c_leaves_what_is_done_and_says_how_to_go_on(home: Path) -> None:
    run = Interrupted(home)
    code, words, again = await run.end_with(signal.SIGINT)
    assert (code, again) == (130, 0)
    assert "attempts are left: --resume goes on" in words
    assert "interrupted" in words
    assert "Traceback" not in words
    assert (run.numbers()["pass@1"], run.numbers()["missing"]) == (1.0, 0)
    assert max(Counter(run.answered).values()) == 1
