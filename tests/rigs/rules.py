"""Rules of routing said in words, read, and asked of the real engine."""

import json
from decimal import Decimal
from typing import Any

from central_sync.rule_language.misreading import Misreading
from central_sync.rule_language.reading import lang_of, read
from central_sync.rule_language.rule import Rule
from central_sync.rule_language.vocabulary import Vocabulary
from central_sync.rules import say
from edge_core.policy.documents import Policy
from edge_core.policy.engine import Engine
from edge_core.policy.schema import named
from edge_core.policy.verdict import Verdict
from edge_core.routing.facts import Facts

WORDS = Vocabulary()


def rule(sentence: str) -> Rule:
    """What a sentence means; fails where it means nothing."""
    found = read(sentence, lang_of(sentence), WORDS)
    assert isinstance(found, Rule), found
    return found


def mistake(sentence: str) -> Misreading:
    """What is wrong with a sentence; fails where nothing is."""
    found = read(sentence, lang_of(sentence), WORDS)
    assert isinstance(found, Misreading), found
    return found


def condition(sentence: str) -> tuple[str, str, tuple[object, ...]]:
    """The one condition of a sentence that begins a rule."""
    end = ", then pick it first" if lang_of(sentence) == "en" else "，则优先分拣"
    (only,) = (each for each in rule(sentence + end).conditions if each.fact != "currency")
    return only.fact, only.sign, tuple(int(each) if isinstance(each, Decimal) else each for each in only.values)


def policy(*sentences: str) -> Policy:
    """A policy of one table, with a row for each sentence."""
    found = say(sentences, None, WORDS, "rules")
    assert found.graph is not None, found
    return Policy("said", 1, "Said", "所言", json.dumps(found.graph))


def verdict(facts: Facts, *sentences: str) -> Verdict:
    """What the engine answers by these sentences."""
    return Engine([policy(*sentences)]).verdict("said", named(facts))


def answers(facts: Facts, *sentences: str) -> dict[str, Any]:
    """The prices of it alone."""
    return dict(verdict(facts, *sentences).prices)
