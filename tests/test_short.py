"""What clears a point, in fewer words: the library shortens, so that no chapter has to."""

import pytest
from siting.study import short


@pytest.mark.parametrize(
    ("clears", "asked"),
    [
        ("Is there a contract? Yes, no or planned.", "Is there a contract?"),
        ("Who holds the keys: customer or provider?", "Who holds the keys?"),
        ("Which law (named: by country) binds it?", "Which law (named: by country) binds it?"),
        ("Hold the keys, or choose an operator in the EEA.", "Hold the keys."),
        ("Write an exit plan.", "Write an exit plan."),
    ],
)
def test_a_card_tells_the_question_alone(clears: str, asked: str) -> None:
    assert short.asked(clears) == asked


@pytest.mark.parametrize(
    ("clears", "cure"),
    [
        ("Is there a contract? Yes, no or planned.", "Is there a contract?"),
        ("Sign a contract under Art. 28 GDPR. Then file it.", "Sign a contract under Art. 28 GDPR"),
        ("Hold the keys, or choose an operator in the EEA.", "Hold the keys"),
        ("Write an exit plan; test it.", "Write an exit plan"),
    ],
)
def test_a_line_of_a_table_tells_the_first_sentence(clears: str, cure: str) -> None:
    assert short.cure(clears) == cure
