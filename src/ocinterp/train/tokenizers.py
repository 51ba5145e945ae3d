"""Tokenizers of transformers, which need no torch: loaded, or made from data as the built-in models' are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ocinterp.errors import UsageError
from ocinterp.models.pocket import roles
from ocinterp.models.pocket.tokenizer import PATTERN
from ocinterp.train.chats import template


def load(name: str, template_name: str) -> Any:
    """The one of a folder or a hub name; the template is for one that has none. UsageError where there is no tokenizer."""
    from transformers import AutoTokenizer

    try:
        found = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"no tokenizer can be loaded from {name}: {first_line(error)}") from error
    if not getattr(found, "chat_template", None) and template_name:
        found.chat_template = template(template_name)
    return found


def first_line(error: Exception) -> str:
    """What an error of transformers says, without what it goes on to say."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def learn(texts: Iterable[str], size: int) -> Any:
    """Byte-level BPE of `size` entries at most, with a token for each role; always the same for the same texts."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    speakers = [f"<|{role}|>" for role in roles.ROLES]
    found: Any = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    found.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[roles.PADDING, *speakers, roles.END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    found.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=found, eos_token=roles.END, pad_token=roles.PADDING, additional_special_tokens=speakers
    )
    made.chat_template = roles.TEMPLATE
    return made
