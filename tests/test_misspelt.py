"""What a cell raised, with the name that is meant."""

from __future__ import annotations

import builtins

import pandas as pd
import pytest
from siting_report.run import misspelt

FRAME = pd.DataFrame({"category": ["a"], "amount": [1.0]}).set_index(pd.Index([7], name="year"))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("frame['categry']", "KeyError: 'categry'; did you mean 'category'?"),
        ("frame.groupby('categry').sum()", "KeyError: 'categry'; did you mean 'category'?"),
        ("frame.groupby('yeer').sum()", "KeyError: 'yeer'; did you mean 'year'?"),
        (
            "frame[['category', 'amuont']]",
            "KeyError: \"['amuont'] not in index\"; did you mean 'amount'?",
        ),
        (
            "frame.amuont.sum()",
            "AttributeError: 'DataFrame' object has no attribute 'amuont'; did you mean 'amount'?",
        ),
        ("frmae.head()", "NameError: name 'frmae' is not defined; did you mean 'frame'?"),
        ("flaot(1)", "NameError: name 'flaot' is not defined; did you mean 'float'?"),
        ("frame['anything else']", "KeyError: 'anything else'"),
        ("{}[7]", "KeyError: 7"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_misspelt_name_is_told_with_the_one_that_is_meant(source: str, told: str) -> None:
    scope = {"frame": FRAME, "unlike": 3}
    with pytest.raises(Exception) as caught:  # each kind is in its words
        eval(source, {"__builtins__": builtins, **scope})
    assert misspelt.told(caught.value, scope) == told
