"""Pictures and scanned pages: tokens of the model's own, in what is read, billed and held."""

import pytest
from genai_prices.data import providers
from siting import catalogue, pictures, study, vision
from siting.catalogue import table
from siting.inputs import scenario
from siting.inputs.scenario import DocumentError
from siting.quantity import NotEstimated

FIVE = {"workloads.assistant.images_per_request": 5}


def workload(images: float) -> scenario.model.Workload:
    asked = scenario.load("base").workloads["assistant"]
    return asked.model_copy(update={"images_per_request": images})


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("Qwen/Qwen3.6-27B", 39 * 55),  # 1,240 × 1,754 pixels, 32 × 32 of them a token
        ("Qwen/Qwen2.5-VL-7B-Instruct", 44 * 63),  # 28 × 28
        ("gpt-5.4-mini", 32 * 46 * 1.62),  # at most 1,536 patches of 32 × 32, times 1.62
        ("gpt-4o", 85 + 170 * 6),  # 768 × 1,086 pixels are 2 × 3 tiles of 512
        ("claude-opus-4-8", 1240 * 1754 / 750),
        ("google/gemma-4-31B-it", 280),
    ],
)
def test_a_page_is_as_many_tokens_as_the_model_makes_of_it(model, tokens):
    assert pictures.tokens(workload(1), model).central == pytest.approx(tokens, abs=1)
    assert pictures.tokens(workload(3), model).central == pytest.approx(3 * tokens, abs=3)


def test_every_row_is_that_of_a_model():
    names = [m.model_id for m in catalogue.models()]
    names += [m.id for p in providers for m in p.models]
    reached = {found.pattern for name in names if (found := vision.row(name))}
    assert reached == {row.pattern for row in table("image_tokens", vision.PictureTokens)}


def test_a_request_grows_by_its_pictures_and_repeats_no_more_than_its_text():
    read = pictures.read(workload(5), "google/gemma-4-31B-it")
    # 3,000 tokens of text, 30 % of them from a cache, and 5 × 280
    assert read.input_tokens.mean == pytest.approx(4_400)
    assert read.input_tokens.p95 == pytest.approx(8_000 * 4_400 / 3_000)
    assert read.cached_input_share * 4_400 == pytest.approx(0.3 * 3_000)
    assert pictures.read(read, "google/gemma-4-31B-it") == read


def test_pictures_are_in_the_load_the_memory_and_the_bill():
    plain = study.open("base").results
    sent = study.open("base", FIVE).results
    (load,) = sent.capacity["rented"].pools["google/gemma-4-31B-it"].loads
    assert load.lengths.input.mean == pytest.approx(4_400)
    (fit,) = sent.memory["rented"]
    (before,) = plain.memory["rented"]
    assert fit.memory.context > before.memory.context
    name = "api_request.api.assistant"
    price = sent.cost.plan.factors[name]
    (input_price,) = (float(w.split(" in")[0]) for w in price.label.split(": ")[1:] if " in" in w)
    added = price.value.central - plain.cost.plan.factors[name].value.central
    # 5 % of requests may wait, at half the price; the price list takes whole tokens
    asked = 5 * 2_385 * input_price / 1e6 * (1 - 0.05 / 2)
    assert added == pytest.approx(asked, rel=1e-4)


def test_a_model_that_takes_no_pictures_is_refused():
    blind = {"options.owned.models": {"all": "meta-llama/Llama-3.3-70B-Instruct"}}
    assert study.open("base", blind)
    with pytest.raises(DocumentError, match="takes no pictures, and requests of assistant hold"):
        study.open("base", FIVE | blind)
    with pytest.raises(NotEstimated, match="takes no pictures"):
        pictures.tokens(workload(1), "meta-llama/Llama-3.3-70B-Instruct")


def test_a_model_whose_tokens_nobody_says_leaves_its_option_without_an_estimate():
    other = {"options.api.models": {"all": "gpt-5.4"}}
    said = study.open("base", FIVE | other).results.cost.plan.not_estimated["api"]
    assert "does not say how many tokens gpt-5.4 makes of a picture" in said
