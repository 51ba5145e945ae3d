"""The loop's rules, numbered. To change one, write a decision in docs/decisions/."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocinterp.errors import ModelError, SandboxError
from ocinterp.feedback import execution_output, failures, first_of, silent
from ocinterp.loop import Limits, rollout
from ocinterp.testing import FakeSandbox, ScriptedModel, code
from ocinterp.types import (
    AgainEvent,
    AskEvent,
    Cell,
    CellEvent,
    Completion,
    DoneEvent,
    Event,
    ExecutionResult,
    Failure,
    Feedback,
    FeedbackEvent,
    Message,
    Outcome,
    ResultEvent,
    Source,
    StopReason,
    Task,
    TextEvent,
    Trajectory,
    Turn,
    TurnEvent,
    Usage,
)

TASK = Task("t/1", (Message("user", "print one"),))


def fails_on_prnt(cell: Cell) -> ExecutionResult:
    if "prnt" in cell.source:
        error = Failure("NameError", "name 'prnt' is not defined", "NameError: name 'prnt' is not defined")
        return ExecutionResult(cell.id, Outcome.ERROR, error=error)
    return ExecutionResult(cell.id, Outcome.OK, stdout="1\n")


def sandbox() -> FakeSandbox:
    return FakeSandbox(fails_on_prnt)


def saying(*words: str) -> object:
    """A person who says one thing after the other, then nothing."""
    wishes = iter(words)

    async def person(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        wish = next(wishes, None)
        return () if wish is None else (Feedback(Source.HUMAN, wish),)

    return person


async def test_01_a_failing_cell_is_refined_until_it_runs() -> None:
    model = ScriptedModel([code("prnt(1)"), code("print(1)")])
    result = await rollout(TASK, model=model, sandbox=sandbox(), feedback=failures)
    assert result.stop is StopReason.DONE
    assert [turn.runs[0].result.outcome for turn in result.turns] == [Outcome.ERROR, Outcome.OK]
    assert [message.role for message in model.seen[-1]] == ["user", "assistant", "user"]
    assert "NameError" in model.seen[-1][-1].content


async def test_02_without_feedback_there_is_one_turn() -> None:
    result = await rollout(TASK, model=ScriptedModel([code("prnt(1)")]), sandbox=sandbox(), feedback=silent)
    assert (result.stop, len(result.turns)) == (StopReason.DONE, 1)


async def test_03_the_turn_limit_stops_a_stubborn_model_and_its_last_failure_has_its_feedback() -> None:
    model = ScriptedModel([code("prnt(1)")] * 9)
    result = await rollout(TASK, model=model, sandbox=sandbox(), feedback=failures, limits=Limits(max_turns=3))
    assert (result.stop, len(result.turns), len(model.seen)) == (StopReason.MAX_TURNS, 3, 3)
    assert result.turns[-1].feedback[0].source is Source.EXECUTION


async def test_04_all_cells_of_an_answer_run_in_order_even_after_one_failed() -> None:
    answer = f"{code('a = 1')}\nthen\n{code('prnt(a)')}\nand\n{code('print(a)')}"
    result = await rollout(TASK, model=ScriptedModel([answer]), sandbox=sandbox(), feedback=silent)
    ran = result.turns[0].runs
    assert [run.cell.source.strip() for run in ran] == ["a = 1", "prnt(a)", "print(a)"]
    assert [run.result.ok for run in ran] == [True, False, True]


async def test_05_cells_are_numbered_by_turn_and_every_result_carries_its_cells_id() -> None:
    answer = f"{code('prnt(1)')}\n{code('print(2)')}"
    result = await rollout(TASK, model=ScriptedModel([answer, code("print(1)")]), sandbox=sandbox(), feedback=failures)
    assert [run.cell.id for turn in result.turns for run in turn.runs] == ["1.1", "1.2", "2.1"]
    assert all(run.cell.id == run.result.cell_id for turn in result.turns for run in turn.runs)


async def test_06_a_person_speaks_when_the_code_ran_clean() -> None:
    seen: list[Event] = []
    result = await rollout(
        TASK,
        model=ScriptedModel([code("prnt(1)"), code("print(1)"), code("print(2)")]),
        sandbox=sandbox(),
        feedback=first_of(failures, saying("now two")),  # type: ignore[arg-type]
        listen=seen.append,
    )
    sources = [[each.source for each in turn.feedback] for turn in result.turns]
    assert sources == [[Source.EXECUTION], [Source.HUMAN], []]


async def test_07_a_turn_is_announced_before_anybody_is_asked_about_it() -> None:
    seen: list[Event] = []
    model = ScriptedModel([code("prnt(1)"), "I give up."])
    await rollout(TASK, model=model, sandbox=sandbox(), feedback=failures, listen=seen.append)
    kinds = [type(event) for event in seen]
    first = [TextEvent, CellEvent, ResultEvent, TurnEvent, AskEvent, FeedbackEvent]
    assert kinds == [*first, TextEvent, TurnEvent, AskEvent, DoneEvent]


async def test_08_events_alone_rebuild_the_trajectory() -> None:
    seen: list[Event] = []
    model = ScriptedModel([code("prnt(1)"), code("print(1)")])
    result = await rollout(TASK, model=model, sandbox=sandbox(), feedback=failures, listen=seen.append)
    rebuilt = Trajectory(TASK.id, TASK.prompt)
    for event in seen:
        match event:
            case TurnEvent(turn):
                rebuilt = rebuilt.plus(turn)
            case FeedbackEvent(feedback):
                rebuilt = rebuilt.answered(feedback)
            case DoneEvent(stop):
                rebuilt = rebuilt.stopped(stop)
            case _:
                pass
    assert rebuilt == result


async def test_09_a_broken_sandbox_raises_and_is_never_a_turn_of_the_model() -> None:
    def breaks(cell: Cell) -> ExecutionResult:
        raise SandboxError("zygote died")

    seen: list[Event] = []
    box = FakeSandbox(breaks)
    with pytest.raises(SandboxError):
        await rollout(TASK, model=ScriptedModel([code("1")]), sandbox=box, feedback=failures, listen=seen.append)
    assert not any(isinstance(event, TurnEvent) for event in seen)
    assert box.open_sessions == 0


async def test_10_a_dead_model_raises_after_what_was_finished_was_announced() -> None:
    class DiesSecond(ScriptedModel):
        async def generate(self, *args: object, **named: object) -> Completion:
            if self.seen:
                raise ModelError("503")
            return await super().generate(*args, **named)  # type: ignore[arg-type]

    seen: list[Event] = []
    box = sandbox()
    with pytest.raises(ModelError):
        await rollout(TASK, model=DiesSecond([code("prnt(1)")]), sandbox=box, feedback=failures, listen=seen.append)
    assert sum(isinstance(event, TurnEvent) for event in seen) == 1
    assert box.open_sessions == 0


async def test_11_a_loop_goes_on_from_an_answered_turn_with_the_next_completion() -> None:
    model = ScriptedModel([code("prnt(1)")])
    limits = Limits(max_turns=1)
    begun = await rollout(TASK, model=model, sandbox=sandbox(), feedback=failures, limits=limits)
    second = ScriptedModel([code("print(1)")])
    result = await rollout(TASK, model=second, sandbox=sandbox(), feedback=failures, start=begun)
    assert (len(result.turns), result.stop) == (2, StopReason.DONE)
    assert "NameError" in second.seen[0][-1].content


async def test_12_a_loop_goes_on_from_an_unanswered_turn_by_asking_first() -> None:
    begun = await rollout(TASK, model=ScriptedModel([code("print(1)")]), sandbox=sandbox(), feedback=silent)
    second = ScriptedModel([code("print(2)")])
    person = saying("now two")
    result = await rollout(TASK, model=second, sandbox=sandbox(), feedback=person, start=begun)  # type: ignore[arg-type]
    assert [message.content for message in second.seen[0]][-1] == "now two"
    assert len(result.turns) == 2


async def test_13_an_answer_that_was_cut_off_is_not_called_done() -> None:
    cut = Completion("I would", finish_reason="length")
    result = await rollout(TASK, model=ScriptedModel([cut]), sandbox=sandbox(), feedback=silent)
    assert result.stop is StopReason.LENGTH


async def test_14_an_answer_without_code_runs_nothing_and_is_still_a_turn() -> None:
    result = await rollout(TASK, model=ScriptedModel(["It is one."]), sandbox=sandbox(), feedback=execution_output)
    assert (result.turns[0].runs, result.stop) == ((), StopReason.DONE)


async def test_15_a_start_that_reached_its_limit_asks_nothing_of_the_model() -> None:
    begun = await rollout(
        TASK, model=ScriptedModel([code("prnt(1)")]), sandbox=sandbox(), feedback=failures, limits=Limits(1)
    )
    model = ScriptedModel([])
    again = await rollout(
        TASK, model=model, sandbox=sandbox(), feedback=failures, limits=Limits(1), start=replace(begun, stop=None)
    )
    assert (again, model.seen) == (begun, [])


def test_16_ratings_without_words_are_for_the_record_and_not_for_the_model() -> None:
    rated = Turn(Completion("1"), feedback=(Feedback(Source.HUMAN, "", "good"),))
    assert [message.content for message in Trajectory("t", (), (rated,)).messages()] == ["1"]


async def test_17_a_program_that_has_failed_is_not_run_again_where_others_may_answer() -> None:
    model = ScriptedModel([code("prnt(1)"), Completion(code("prnt(1)  # really"), usage=Usage(10, 5))])
    others = [
        ScriptedModel([Completion(code("prnt( 1 )"), usage=Usage(10, 6))]),
        ScriptedModel([Completion(code("print(1)"), usage=Usage(10, 7))]),
        ScriptedModel([]),
    ]
    events: list[Event] = []
    result = await rollout(TASK, model=model, sandbox=sandbox(), feedback=failures, again=others, listen=events.append)
    assert [turn.runs[0].cell.source for turn in result.turns] == ["prnt(1)", "print(1)"]
    assert result.turns[-1].completion.usage == Usage(30, 18)
    assert [each.seen for each in others] == [[model.seen[-1]], [model.seen[-1]], []]
    assert sum(isinstance(each, AgainEvent) for each in events) == 2
    assert sum(isinstance(each, CellEvent) for each in events) == 2


async def test_18_where_all_repeat_themselves_the_last_one_is_run() -> None:
    others = [ScriptedModel([code("prnt(1)")]), ScriptedModel([code("prnt(1)  # the last")])]
    model = ScriptedModel([code("prnt(1)")] * 2)
    result = await rollout(TASK, model=model, sandbox=sandbox(), feedback=failures, again=others, limits=Limits(2))
    assert (len(result.turns), result.stop) == (2, StopReason.MAX_TURNS)
    assert [len(each.seen) for each in others] == [1, 1]
    assert result.turns[-1].runs[0].cell.source == "prnt(1)  # the last"
    assert result.turns[-1].completion.usage is None  # nobody counted


async def test_20_where_another_answer_cannot_be_had_the_one_before_stands() -> None:
    class Silent:
        async def generate(self, messages: object, /, *, on_text: object = None) -> Completion:
            raise ModelError("no answer")

    said = Completion(code("prnt(1)"), usage=Usage(10, 5))
    result = await rollout(
        TASK,
        model=ScriptedModel([said, said]),
        sandbox=sandbox(),
        feedback=failures,
        again=[Silent()],
        limits=Limits(2),
    )
    assert [each.completion for each in result.turns] == [said, said]


async def test_19_a_program_that_was_right_and_words_without_one_may_be_said_again() -> None:
    others = [ScriptedModel([])]
    model = ScriptedModel([code("print(1)"), code("print(1)"), code("prnt(1)"), "I cannot.", "I cannot."])
    wishes = first_of(failures, saying("Once more.", "And now?", "Well?"))  # type: ignore[arg-type]
    result = await rollout(TASK, model=model, sandbox=sandbox(), feedback=wishes, again=others, limits=Limits(5))
    assert len(result.turns) == 5
    assert others[0].seen == []
