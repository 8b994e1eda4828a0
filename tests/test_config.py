"""Wrong configurations are refused at once, with the file, the line and what is allowed."""

import re
from pathlib import Path

import pytest
import yaml

from pipeline.config import check_config
from pipeline.errors import UserError

CONFIGS = Path(__file__).parents[1] / "config"


def check(text, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    return check_config(yaml.safe_load(text), [file])


GOOD = """\
run: mine
seed: 1
scenarios:
  gmm-ordered: {n_datasets: 3}
  hmm-ordered:
    n_datasets: 2
methods:
  nuts: {}
  advi-meanfield:
    draws: 500
"""


@pytest.mark.parametrize("name", ["default", "smoke", "paper", "labels"])
def test_the_shipped_configurations_are_valid(name):
    config = check_config(yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()))
    assert config.run == name and "nuts" in config.methods


def test_settings_reach_the_classes(tmp_path):
    config = check(GOOD, tmp_path)
    assert config.n_datasets == {"gmm-ordered": 3, "hmm-ordered": 2}
    assert config.methods["advi-meanfield"].draws == 500


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("run: mine", "rum: mine", r"mine\.yaml:1: rum: no such key\. Did you mean 'run'\?"),
        ("seed: 1", "seed: -1", r"mine\.yaml:2: seed: -1 is less than the minimum of 0"),
        ("seed: 1", "", "'seed' is a required property"),
        (
            "gmm-ordered:",
            "gmm-orderd:",
            r"mine\.yaml:4: scenarios\.gmm-orderd: .*Did you mean 'gmm-ordered'\?",
        ),
        ("n_datasets: 3", "n_datasets: 0", r"mine\.yaml:4: scenarios\.gmm-ordered\.n_datasets: 0 is less"),
        ("n_datasets: 2", "n_data: 2", r"mine\.yaml:6: scenarios\.hmm-ordered\.n_data: no such setting"),
        (
            "n_datasets: 2",
            "n_dataset: 2",
            r"n_dataset: no such setting\. Did you mean 'n_datasets'\? Allowed: .*type, n_datasets, n_ref",
        ),
        (
            "draws: 500",
            "scenario: [gmm-ordered]",
            r"Did you mean 'scenarios'\? Allowed: .*, scenarios, type\.",
        ),
        (
            "nuts: {}",
            "nuts:",
            r"mine\.yaml:8: methods\.nuts: found nothing; it must be a block of keys, such as `nuts: {}`",
        ),
        (
            "nuts: {}",
            "nuts: {}\n  nuts: {draws: 500}",
            r"mine\.yaml:9: methods\.nuts: given twice, first in line 8",
        ),
        ("seed: 1", "seed: one", r"mine\.yaml:2: seed: found 'one'; it must be an integer\."),
        ("nuts:", "nutz:", r"mine\.yaml:8: methods\.nutz: no such method\. Did you mean 'nuts'\?"),
        (
            "nuts: {}",
            "quick: {type: nutz}",
            r"mine\.yaml:8: methods\.quick\.type: no such method\. Did you mean 'nuts'\?",
        ),
        (
            "nuts: {}",
            "nuts: {type: laplace}",
            r"mine\.yaml:8: methods\.nuts\.type: nuts is itself a method, and its name may not stand for",
        ),
        (
            "nuts: {}",
            "quick: {type: nuts, drows: 9}",
            r"mine\.yaml:8: methods\.quick\.drows: no such setting",
        ),
        ("draws: 500", "draws: many", r"mine\.yaml:10: methods\.advi-meanfield\.draws: found 'many'"),
        (
            "nuts: {}",
            "amortized-flow: {train_steps: 0}",
            r"mine\.yaml:8: methods\.amortized-flow: train_steps must be a positive number, not 0",
        ),
        (
            "nuts: {}",
            "amortized-flow: {train_steps: 9, train_s: 9}",
            r"mine\.yaml:8: methods\.amortized-flow: train_steps and train_s exclude each other",
        ),
        (
            "nuts: {}",
            "nuts: {}\n  amortized-flow: {}\n  amortized-flow-psis: {draws: 5000}",
            r"mine\.yaml:10: methods\.amortized-flow-psis: draws: found 5000; it must be 1 to 2000",
        ),
        (
            "nuts: {}",
            "nuts: {scenarios: [gmm-orderd]}",
            r"mine\.yaml:8: methods\.nuts\.scenarios: there is no scenario 'gmm-orderd' in this run\. "
            r"Did you mean 'gmm-ordered'\?",
        ),
        ("nuts: {}", "nuts: {scenarios: []}", r"mine\.yaml:8: methods\.nuts\.scenarios: \[\] "),
        (
            "nuts: {}",
            "amortized-flow: {scenarios: [hmm-ordered]}\n  amortized-flow-psis: {scenarios: [gmm-ordered]}",
            r"mine\.yaml:9: methods\.amortized-flow-psis\.scenarios: gmm-ordered is not among the scenarios "
            "of amortized-flow",
        ),
        (
            "nuts: {}",
            "hmmlearn-vb: {scenarios: [gmm-ordered]}",
            r"mine\.yaml:8: methods\.hmmlearn-vb: this method applies to none of its scenarios\.",
        ),
        ("run: mine", "run: ../mine", r"mine\.yaml:1: run: '\.\./mine' does not match"),
        ("methods:", "reference: {draws: 10}\nmethods:", r"mine\.yaml:7: reference\.draws: 10 is less"),
        (
            "seed: 1",
            "seed: 1\nstan: {toolchain: mine}",
            r"mine\.yaml:3: stan\.toolchain: 'mine' is not one of",
        ),
    ],
)
def test_errors_name_the_line(old, new, message, tmp_path):
    assert old in GOOD
    with pytest.raises(UserError, match=message):
        check(GOOD.replace(old, new), tmp_path)


def test_all_wrong_blocks_are_named_at_once(tmp_path):
    wrong = GOOD.replace("nuts: {}", "nuts: {drows: 5}").replace("draws: 500", "draws: many")
    with pytest.raises(UserError) as error:
        check(wrong.replace("gmm-ordered: {n", "gmm-orderd: {n"), tmp_path)
    lines = str(error.value).splitlines()
    assert len(lines) == 3, lines
    for line, place in zip(lines, ("scenarios.gmm-orderd", "methods.nuts.drows", "draws"), strict=True):
        assert re.match(rf".*mine\.yaml:\d+: .*{re.escape(place)}: ", line), line


def test_real_data_have_a_fixed_number(tmp_path):
    with pytest.raises(UserError, match=r"mine\.yaml:\d+: scenarios\.galaxies\.n_datasets: .*real data"):
        check(GOOD.replace("gmm-ordered: {n", "galaxies: {n"), tmp_path)


def test_a_method_may_name_its_scenarios_and_a_correction_inherits_them(tmp_path):
    blocks = "amortized-flow-psis: {}\n  amortized-flow: {scenarios: [hmm-ordered]}"
    config = check(GOOD.replace("nuts: {}", blocks), tmp_path)
    assert set(config.cells) == {
        ("hmm-ordered", "amortized-flow"),
        ("hmm-ordered", "amortized-flow-psis"),
        ("gmm-ordered", "advi-meanfield"),
        ("hmm-ordered", "advi-meanfield"),
    }


TWINS = GOOD.replace(
    "  hmm-ordered:",
    "  apart: {type: gmm-exchangeable, separation: [4, .inf], n_datasets: 3}\n"
    "  twin: {type: gmm-exchangeable, separation: [4, .inf], ordered: true, twin_of: apart}\n"
    "  hmm-ordered:",
)


def test_a_twin_takes_the_data_sets_of_another_scenario(tmp_path):
    names = check(TWINS, tmp_path).data_names
    assert names == {name: name for name in names} | {"twin": "apart"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("twin_of: apart", "twin_of: apar", r"twin_of: there is no .*Did you mean 'apart'\?"),
        ("twin_of: apart", "twin_of: hmm-ordered", "twin draws other observations than hmm-ordered"),
        ("ordered: true,", "ordered: true, n_obs: [50, 60],", "Give both the same settings"),
        (
            "n_datasets: 3}\n  twin",
            "n_datasets: 3, twin_of: twin}\n  twin",
            "apart.twin_of: there is no scenario 'twin' in this run with data sets of its own",
        ),
    ],
)
def test_a_twin_must_have_the_same_data(old, new, message, tmp_path):
    assert old in TWINS
    with pytest.raises(UserError, match=message):
        check(TWINS.replace(old, new), tmp_path)
