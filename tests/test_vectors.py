"""Conformance vectors: each figure is an arithmetic expression that a reader can redo by hand.

The files in tests/vectors stand on their own, so that other calculators can be tested with them:
`config` is in the format of config.json, `derivation` is plain arithmetic, `traps` are the wrong
answers that popular tools give.
"""

import ast
import json
import math
import operator
from pathlib import Path
from typing import Any

import pytest
import siting_hf
from cache_bytes import bytes_per_token, request_bytes
from siting import dtypes
from siting.catalogue import Model
from siting.memory import attention
from siting.memory.weights import weight_bytes_per_gpu

FILES = sorted((Path(__file__).parent / "vectors").glob("*.json"))
SIGNS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def _worked_out(node: ast.AST) -> float:
    if isinstance(node, ast.Expression):
        return _worked_out(node.body)
    if isinstance(node, ast.BinOp):
        return SIGNS[type(node.op)](_worked_out(node.left), _worked_out(node.right))
    assert isinstance(node, ast.Constant)
    return node.value


def _computed(model: Model, case: dict[str, Any]) -> float:
    tp = case.get("tp", 1)
    kv = dtypes.kv_format(case.get("kv", "bf16"))
    chunk = case.get("chunk", 2048)
    tokens = case.get("tokens", 0)
    match case["quantity"]:
        case "kv_bytes_per_token":
            return bytes_per_token(model, kv, tp)
        case "request_bytes":
            return request_bytes(model, kv, tokens, tp, chunk)
        case "state_bytes":
            return request_bytes(model, kv, 0, tp, chunk)
        case "parameters":
            return (model.params_recomputed_b or 0) * 1e9
        case "weight_bytes":
            return weight_bytes_per_gpu(model, case["fmt"], tp).central
        case "vllm_blocks_per_request":
            groups = attention.layer_groups(model)
            return (
                attention.Cells(groups=groups, kv=kv, tp=tp, chunk=chunk)
                .blocks(2**36, tokens)
                .per_request
            )
    raise AssertionError(case["quantity"])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_each_vector_follows_from_its_config(path):
    vector = json.loads(path.read_text(encoding="utf-8"))
    model = siting_hf.from_config(vector["config"], path.stem)
    for case in vector["cases"]:
        by_hand = _worked_out(ast.parse(case["derivation"], mode="eval"))
        assert by_hand == pytest.approx(case["expected"], rel=1e-12), case["why"]
        # 1e-6: parameter counts are stored in billions, as floats
        assert _computed(model, case) == pytest.approx(case["expected"], rel=1e-6), case["why"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_each_trap_is_a_wrong_answer(path):
    vector = json.loads(path.read_text(encoding="utf-8"))
    model = siting_hf.from_config(vector["config"], path.stem)
    for trap in vector["traps"]:
        by_hand = _worked_out(ast.parse(trap["derivation"], mode="eval"))
        assert by_hand == pytest.approx(trap["wrong"], rel=1e-12)
        assert not math.isclose(_computed(model, trap), trap["wrong"], rel_tol=0.02), trap["why"]


def test_the_vectors_cover_every_kind_of_layer():
    kinds = {
        g.kind
        for path in FILES
        for g in attention.layer_groups(
            siting_hf.from_config(json.loads(path.read_text())["config"], path.stem)
        )
    }
    assert kinds == {"full", "window", "chunk", "latent", "compressed", "state", "cross"}
    assert len(FILES) >= 20
