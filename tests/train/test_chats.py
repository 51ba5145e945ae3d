"""Dialogues as a chat template writes them: what is learnt, token by token, with the end of the turn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is not installed: make test-train")
pytest.importorskip("transformers", reason="transformers is not installed: make test-train")

from ocinterp.errors import UsageError
from ocinterp.models.pocket.tokenizer import Tokenizer
from ocinterp.train import chats, tokenizers
from ocinterp.train.chats import ChatFormat
from ocinterp.train.lessons import Lesson, plain
from ocinterp.train.rows import Counts, RoleTokens, Unwritable, rows
from ocinterp.types import Message
from train import smallest

CHATML = (
    "{% for message in messages %}{{ '<|user|>' + message.role + '\\n' + message.content + '<|end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|user|>assistant\\n' }}{% endif %}"
)
INST = (  # as Llama 2's: no prompt for an answer beyond the request, and a space before it
    "{% for message in messages %}{% if message.role == 'user' %}{{ '[INST] ' + message.content + ' [/INST]' }}"
    "{% elif message.role == 'system' %}{{ raise_exception('no system here') }}"
    "{% else %}{{ ' ' + message.content + '<|end|>' }}{% endif %}{% endfor %}"
)
TEMPLATES = {"roles": "roles", "instruction": "instruction", "chatml": CHATML, "inst": INST}
SAID = (
    Message("user", "Sort it."),
    Message("assistant", "wrong"),
    Message("user", "No."),
    Message("assistant", "right"),
)


def form(template: str) -> tuple[Any, ChatFormat]:
    made = smallest.tokenizer(TEMPLATES.get(template, template))
    return made, ChatFormat(made)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_end_of_the_turn_is_learnt_and_nothing_after_it(template: str) -> None:
    made, written = form(template)
    (row,) = rows([Lesson(SAID, (0, 0, 0, 1))], written, 500, Counts())
    assert smallest.learnt(written, made, row).strip() == "right<|end|>"
    assert written.end == made.convert_tokens_to_ids("<|end|>")


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_pieces_are_the_dialogue_as_the_template_writes_it(template: str) -> None:
    made, written = form(template)
    pieces = written.pieces(SAID)
    plain_messages = [{"role": each.role, "content": each.content} for each in SAID]
    whole = made.apply_chat_template(plain_messages, return_dict=True)["input_ids"]
    assert [number for piece in pieces for number in piece.ids] == whole
    for number, piece in enumerate(pieces):
        assert SAID[number].content in made.decode(piece.ids)


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_answer_is_learnt_from_the_token_after_the_prompt_on(template: str) -> None:
    _, written = form(template)
    pieces = written.pieces(SAID)
    prompt = written.prompt(SAID[:3])
    ids = [number for piece in pieces for number in piece.ids]
    assert ids[: len(prompt)] == prompt
    begins = len(prompt) - sum(len(piece.ids) for piece in pieces[:3])
    assert not any(pieces[3].said[:begins])
    assert pieces[3].said[begins]


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(lambda each: "<|" not in each)


@pytest.mark.parametrize("template", TEMPLATES)
@given(said=st.lists(text, min_size=2, max_size=6))
def test_whatever_is_said_is_cut_into_pieces_that_make_the_whole(template: str, said: list[str]) -> None:
    made, written = FORMS[template]
    messages = [Message("assistant" if at % 2 else "user", each) for at, each in enumerate(said)]
    pieces = written.pieces(messages)
    whole = made.apply_chat_template(
        [{"role": each.role, "content": each.content} for each in messages], return_dict=True
    )["input_ids"]
    assert [number for piece in pieces for number in piece.ids] == whole
    for piece in pieces[1::2]:
        own = [number for number, mine in zip(piece.ids, piece.said, strict=True) if mine]
        assert own[-1] == written.end
        assert own.count(written.end) == 1


FORMS = {name: form(name) for name in TEMPLATES}


def test_roles_are_written_as_the_built_in_models_read_them() -> None:
    made, written = form("roles")
    own = Tokenizer.loads(made.backend_tokenizer.to_str())
    special = {role: own.special[f"<|{role}|>"] for role in ("system", "user", "assistant")}
    theirs = RoleTokens(own.encode, special, own.special["<|end|>"])
    messages = (Message("system", "Be brief."), *SAID)
    assert written.pieces(messages) == theirs.pieces(messages)
    assert not theirs.pieces(messages)[0].ids
    assert written.prompt(messages[:2]) == theirs.prompt(messages[:2])
    assert written.document("a b") == theirs.document("a b")


def test_a_message_that_holds_a_special_token_is_left_out_and_counted() -> None:
    _, written = form("roles")
    counts = Counts()
    said = (SAID[0], Message("assistant", "stop <|end|> <|user|> and go on"))
    assert list(rows([plain(said), plain(SAID)], written, 500, counts))
    assert (counts.rows, counts.unwritable, counts.reason) == (1, 1, "the text of a special token is in it")
    with pytest.raises(Unwritable):
        written.document("<|pad|>")


def test_what_a_template_refuses_is_left_out_with_its_words() -> None:
    _, written = form("inst")
    counts = Counts()
    assert not list(rows([plain((Message("system", "Be brief."), *SAID))], written, 500, counts))
    assert counts.reason == "the chat template refuses it: no system here"
    assert not list(rows([plain(SAID[1:])], written, 500, counts))
    assert counts.unwritable == 2


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (None, "has no chat template: name one, as in --set template=instruction"),
        ("{% for m in messages[-2:] %}{{ m.content }}<|end|>{% endfor %}", "writes earlier messages otherwise"),
        ("{% for m in messages %}{{ m.role + m.content }}\n{% endfor %}", "ends no answer by a token of its own"),
        ("{% for m in messages %}{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}?{% endif %}",
         "writes an answer otherwise than it asks for one"),
        ("{{ raise_exception('never') }}", "the chat template refuses it: never"),
    ],
)  # fmt: skip
def test_a_tokenizer_that_cannot_be_trained_with_is_refused(template: str | None, said: str) -> None:
    made = smallest.tokenizer()
    made.chat_template = template
    with pytest.raises(UsageError, match=said):
        ChatFormat(made)


def test_gemmas_template_needs_gemmas_tokens() -> None:
    made = smallest.tokenizer("gemma")
    with pytest.raises(UsageError, match="ends no answer by a token"):
        ChatFormat(made)
    made.add_special_tokens({"additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"]})
    made.bos_token = "<|pad|>"
    written = ChatFormat(made)
    (row,) = rows([plain((Message("system", "Be brief."), *SAID))], written, 500, Counts())
    assert smallest.learnt(written, made, row) == "wrong<end_of_turn>right<end_of_turn>"


def test_a_template_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no chat template 'x': choose of gemma, instruction, roles"):
        chats.template("x")


def test_a_tokenizer_made_twice_is_the_same_and_reads_as_ours_does() -> None:
    texts = ["def f(xs): return sorted(xs)[::-1]", "What is f([3, 1, 2])?"] * 20
    one, two = (tokenizers.learn(texts, 300).backend_tokenizer.to_str() for _ in range(2))
    assert one == two
    made = tokenizers.learn(texts, 270)
    assert len(made) == 270
    assert Tokenizer.loads(made.backend_tokenizer.to_str()).encode(texts[0]) == made(texts[0])["input_ids"]
    assert made.decode(made(texts[1])["input_ids"]) == texts[1]
