"""What models are told in the making of the dataset: the tasks of the paper's appendix, in words of our own.

Each text has a name that goes into the dataset with what came of it. A change of a text is a change of its name's number.
"""

from __future__ import annotations

from typing import Final

SIMPLE: Final = """\
How hard is the programming request below, for somebody who programs for a living? Answer with one digit first, then a
reason in a few words.

1: anybody who has just begun can do it: one statement, one fact
2: easy: a loop, a call of a library, a short query
3: ordinary: some functions or cases that have to be thought of together
4: hard: an algorithm that has to be found, several parts that must fit, care for cost or for rare cases
5: very hard: it takes an expert, or an idea that is not in textbooks

# The request

{query}"""

DEMANDING: Final = """\
The programming request below is not easy. Among requests that are not easy, how much does it ask for? Answer with one digit
first, then a reason in a few words.

1: more than a beginner can do, and no more than that
2: a program with some state, some data structures, or a library that has to be known
3: an algorithm, or a design of several parts, that takes an hour's thought
4: cost matters, or concurrency, or a problem without a fast exact solution; an architecture
5: research, or years of work in one field

# The request

{query}"""

INTERPRETER: Final = """\
You are a code interpreter: the Python of every ```python block that you write is run, and you are told what came of it.
Read the request carefully. Say in a sentence or two what you will do, then give the code, whole. Look at what came of it: if
it failed, or is not what was asked for, find the cause and give the corrected code, whole. When all is right, say so in a few
words, without code. Answer in the language of the request."""

PERSON: Final = """\
You are the person who asked a programmer for something, and you have their last answer before you. Say what you would say to
them next. Choose what matters most to you:

{categories}

If the answer has no code, ask for it. Answer with one JSON object and nothing else:

{{"category": one of the names above, "satisfied": what is as you want it, "not_satisfied": what is not, "feedback": your
words to the programmer, at most two short sentences, about what is under not_satisfied}}"""

FOLLOWED: Final = """\
A person told a programmer something about their program, and the programmer answered. Did the answer do what the person
asked for? A program that is the same as before, or changed in another respect, did not.

# The request

{asked}

# The program before

{before}

# What the person said

{said}

# The answer

{after}

Answer with one JSON object and nothing else: {{"followed": true or false, "why": a few words}}"""

BROKEN: Final = """\
Write the program that is asked for, with one mistake in it: {kind}. It is for programmers who learn to find mistakes, so the
program must look like honest work: no comment and no word that gives the mistake away. Give it in one ```python block, with
a call at its end that shows the mistake when it is run."""

MISTAKES: Final = {
    "syntax": "it is no valid Python (SyntaxError)",
    "name": "it uses a name that is not defined (NameError)",
    "type": "it uses a value of the wrong type (TypeError)",
    "logic": "it computes a wrong result, and an assert at its end that is right fails (AssertionError)",
    "timeout": "it never ends, or takes far too long",
}

BEFORE_CODE: Final = """\
Below are a dialogue so far and the correct program that answers its last request. Write only what a programmer says before
they give this program: in which language it is, by which idea it works, its steps in short. Do not repeat the request, and
do not write code.

# The dialogue

{dialogue}

# The program

{code}"""

TESTS: Final = """\
Write tests for a program that you have not seen. It was written for the request below, and its functions have the heads below.
Go by the request alone. Give up to {most} tests in one ```python block, each one line of the form

assert name(arguments) == value

with literal values that you are sure of: usual cases first, then the ends of ranges, empty values, and what is easy to get wrong.
Leave out what the request does not settle.

# The request

{request}

# The heads

{heads}"""

SOLVE: Final = """\
Write a program for the request below, whole, in one ```python block. Its functions must have exactly the heads below. Do not
print anything, do not call them, and do not read any input.

# The request

{request}

# The heads

{heads}"""

CATEGORIES: Final = {
    "syntax": "it does not run, or is not laid out as it should be",
    "efficiency": "it takes too long",
    "functionality": "it should do something more, or something else",
    "clarity": "it is hard to read, or lacks comments",
    "bugs": "it does the wrong thing in some case",
    "security": "it trusts what it should not",
    "compatibility": "it should run elsewhere too, or be tested",
    "resources": "it takes too much memory, or keeps files open",
    "scalability": "it will not do for much more data",
    "practices": "it is not how it is usually done",
}

NAMES: Final = {
    "simple/1": SIMPLE, "demanding/1": DEMANDING, "interpreter/1": INTERPRETER, "person/1": PERSON,
    "followed/2": FOLLOWED, "broken/1": BROKEN, "before-code/1": BEFORE_CODE,
    "tests/1": TESTS, "solve/1": SOLVE,
}  # fmt: skip
