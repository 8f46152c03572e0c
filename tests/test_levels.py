"""SEAL and C3A: ceilings of options, grades on record, and a floor as a hard constraint."""

import datetime as dt

import pytest
from siting import catalogue
from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.model import Preferences
from siting.rules import rulebook, sovereignty
from siting.rules.findings import decide
from siting.rules.flows import FlowFacts, flows_of
from siting_seal import levels
from studies import opened

DAY = dt.date(2026, 11, 28)
LAW = rulebook.rule_book().on(DAY)
FLOOR = LAW.rules["SEAL-FLOOR"]


def flow(kind: str = "inference", **values: object) -> FlowFacts:
    source = catalogue.Source(source="test", locator="here", date="2026-11-28", kind="estimate")
    known = {n: LAW.known(n, v, source) for n, v in values.items()}
    return FlowFacts(kind=kind, label=kind, carrier="a", known=known, still={})


def at_most(*flows: FlowFacts) -> dict[str, int]:
    return {x.objective.objective: x.at_most for x in levels.levels(flows, LAW)}


# --- grades on record ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor", "level", "parent"),
    [
        # European Commission, award of Cloud III of 17 April 2026, as the press reported it
        ("Scaleway", "seal3", "FR"),
        ("STACKIT", "seal3", "DE"),
        ("OVHcloud", "seal3", "FR"),
        ("S3NS", "seal2", "FR"),
    ],
)
def test_the_known_awards_come_out(vendor, level, parent):
    rows = [k for _, k in LAW.published[f"vendor:{vendor}"]]
    said = {k.attribute.name: k.value for k in rows if k.attribute.name.startswith("seal")}
    assert said == {"seal_level": level, "seal_basis": "award"}
    offered = {**said, "external": True, "parent_country": parent, "seal_covers_service": True}
    for floor in ("seal1", "seal2", "seal3", "seal4"):
        verdict = decide(FLOOR, {**LAW.sets, **offered, "seal_floor": floor}, LAW).verdict
        assert verdict == ("pass" if floor <= level else "fail"), floor
    # An award grades an offer in one tender: whether it is this service must be asked.
    asked = {**LAW.sets, **offered, "seal_covers_service": None, "seal_floor": level}
    assert decide(FLOOR, asked, LAW).verdict == "review"


@pytest.mark.parametrize(
    ("at_most", "spoken", "unknown", "is_open"),
    [
        (3, {"place"}, set(), False),
        (3, {"place"}, {"key_control"}, True),
        (3, set(), set(), True),  # nothing on file speaks for it
        (levels.LOWEST, set(), {"key_control"}, False),
    ],
)
def test_a_ceiling_is_open_where_it_may_be_lower(at_most, spoken, unknown, is_open):
    said = {"at_most": at_most, "spoken": spoken, "unknown": unknown}
    assert levels.Level(objective=levels.objectives()[0], **said).is_open == is_open


@pytest.mark.parametrize(("vendor", "level"), [("Scaleway", 3), ("STACKIT", 3), ("S3NS", 2)])
def test_no_award_lies_above_the_ceiling_that_an_option_of_that_vendor_gets(vendor, level):
    """A ceiling that excluded what a buyer awarded would be wrong."""
    base = scenario.load("base")
    option = base.options["rented"].model_copy(
        update={"vendor": vendor, "country": "FR", "attributes": {
            "parent_country": "FR", "operator_country": "FR", "key_control": "customer",
            "c5_type2": True, "encryption_at_rest": True, "place": "FR",
        }}
    )  # fmt: skip
    said = base.model_copy(update={"options": {"rented": option}})
    found = levels.levels(flows_of(said, "rented", LAW), LAW)
    assert min(x.at_most for x in found) >= level


# --- ceilings -----------------------------------------------------------------------------------


def test_a_us_provider_in_the_eu_is_at_most_one_for_control_and_two_for_law():
    found = at_most(
        flow(
            external=True, operator_country="IE", parent_country="US", place="DE",
            clear_text=True, key_control="provider", weights_local=False, maker_country="US",
            cert_iso27001=True, c5_type2=True,
        )
    )  # fmt: skip
    assert found == {
        "SOV-1": 1, "SOV-2": 2, "SOV-3": 2, "SOV-4": 4, "SOV-5": 3, "SOV-6": 2, "SOV-7": 4,
        "SOV-8": 4,
    }  # fmt: skip


def test_clear_text_on_any_flow_outside_the_union_lowers_the_objective_of_data():
    home = {"external": True, "key_control": "customer", "clear_text": True}
    here = flow(place="DE", **home)
    away = flow("logs", place="US", **home)
    assert at_most(here)["SOV-3"] == 4
    assert at_most(here, away)["SOV-3"] == 1


def test_own_servers_are_held_back_by_their_chips_and_weights_from_abroad():
    found = at_most(flow(external=False, weights_local=True, maker_country="CN", place="DE"))
    assert found.pop("SOV-5") == found.pop("SOV-6") == 3
    assert set(found.values()) == {levels.HIGHEST}


# --- a floor as a hard constraint ---------------------------------------------------------------


def with_floor(name: str, level: int):
    found = scenario.load(name)
    asked = found.decision.model_copy(
        update={"hard_constraints": [f"sovereignty:seal{level}", "quality"]}
    )
    return found.model_copy(update={"decision": asked})


def test_a_floor_is_written_as_a_mapping_and_read_as_a_constraint():
    read = Preferences.model_validate(
        {"hard_constraints": [{"sovereignty": {"seal": 2}}, "quality"]}
    )
    assert read.hard_constraints == ["sovereignty:seal2", "quality"]
    assert read.seal_floor == "seal2"
    assert Preferences().seal_floor is None


@pytest.mark.parametrize("written", ["{sovereignty: {seal: 7}}", "{sovereignty: {sael: 2}}"])
def test_a_floor_that_is_no_level_is_refused_by_field(tmp_path, monkeypatch, written):
    text = f"decision: {{hard_constraints: [{written}]}}\n"
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="hard_constraints"):
        scenario.load(tmp_path / "x.yaml")


def test_a_floor_of_two_strikes_options_under_a_us_parent_once_nobody_graded_them():
    """Read off: Azure's parent is in the USA, but that no buyer graded it is an opinion of others;
    nobody awarded the regional provider a level; own servers have no provider to grade."""
    found = sovereignty.assess(with_floor("klinikverbund-nordheide", 2))
    said = {n: o.verdicts["SEAL-FLOOR"].verdict for n, o in found.options.items()}
    assert said == {"azure": "review", "hybrid": "review", "rented": "review", "owned": "n.a."}
    graded = put(with_floor("klinikverbund-nordheide", 2), {"rules.attributes.seal_basis": "none"})
    found = sovereignty.assess(graded)
    assert found.options["azure"].verdicts["SEAL-FLOOR"].verdict == "fail"


def test_own_servers_of_a_firm_outside_the_union_are_as_far_out_as_a_provider_of_there():
    s = opened("tidewater-apps")
    grid = s.seal_levels().pivot(index="objective", columns="option", values="at_most")
    for objective, level in {"SOV-1": 0, "SOV-2": 1, "SOV-3": 1, "SOV-4": 0}.items():
        assert grid.loc[objective, "Own servers"] == grid.loc[objective, "RunPod GPUs"] == level
