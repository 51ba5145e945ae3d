"""A tokenizer made from data: byte-level BPE that splits as the built-in models' does, with a token for each role."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ocinterp.models.pocket.tokenizer import PATTERN
from ocinterp.train.chats import template

PAD: Final = "<|pad|>"
END: Final = "<|end|>"
ROLES: Final = ("<|system|>", "<|user|>", "<|assistant|>")


def learn(texts: Iterable[str], size: int) -> Any:
    """A tokenizer of transformers, of `size` entries at most, always the same for the same texts."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

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
        special_tokens=[PAD, *ROLES, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    found.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=found, eos_token=END, pad_token=PAD, additional_special_tokens=list(ROLES)
    )
    made.chat_template = template("roles")
    return made
