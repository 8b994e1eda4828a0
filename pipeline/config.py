"""The configuration: read, checked in full before any work, wrong lines named."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import yaml

from pipeline import plugins
from pipeline.calibration.settings import Checks
from pipeline.checkout import CHECKOUT, require
from pipeline.config_errors import check_duplicates, check_keys, describe, place
from pipeline.errors import UserError
from pipeline.methods import SCOPE, get_method
from pipeline.methods.base import Method, TrainedMethod
from pipeline.reference import Reference
from pipeline.regression.settings import Regression
from pipeline.scenarios import TWIN, get_scenario
from pipeline.scenarios.base import Scenario
from pipeline.settings import construct, did_you_mean

SCHEMA_FILE = CHECKOUT / "config" / "schema.yaml"
BELIEF_NETWORKS = 5000  # as many as Bishop et al. (1998) took
SHARD_SIZE = 250  # data sets; references of so many, relabelled ones even, stay under 4 GB in one job


@dataclass(frozen=True)
class Config:
    """A checked configuration: scenarios and methods are built, so nothing in it can be wrong later."""

    run: str
    seed: int
    toolchain: str
    scenarios: dict[str, Scenario]
    n_datasets: dict[str, int]
    n_references: dict[str, int]
    data_names: dict[str, str]
    shard_size: int
    methods: dict[str, Method]
    scopes: dict[str, tuple[str, ...]]
    reference: Reference
    checks: Checks
    regression: Regression
    belief_networks: int
    raw: dict[str, Any]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Every (scenario, method) that is fitted; the others are not wanted or have an obstacle."""
        return [
            (name, method)
            for name, scenario in self.scenarios.items()
            for method in self.methods
            if name in self.scopes[method] and not self.methods[method].obstacle(scenario)
        ]

    def shards(self, scenario: str, fit: str) -> list[range]:
        """Return which data sets each job of a method, or reference run, takes."""
        fits_all = fit in self.methods and self.methods[fit].fits_all
        stop = (self.n_datasets if fits_all else self.n_references)[scenario]
        starts = range(0, stop, self.shard_size)
        return [range(start, min(start + self.shard_size, stop)) for start in starts]


def check_config(raw: Mapping[str, Any], files: Iterable[str | Path] = ()) -> Config:
    """Check a configuration against the schema and build everything it names.

    Args:
        raw: the configuration as read from YAML.
        files: where it came from; messages then name the file and the line.

    Raises:
        UserError: what was found, where, what is allowed.
    """
    files = [Path(f) for f in files]
    for file in files:
        if file.exists():
            check_duplicates(yaml.compose(file.read_text()), [], file)
    check_keys(raw, [], files)
    schema = yaml.safe_load(require(SCHEMA_FILE).read_text())
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(raw), key=lambda e: list(e.path))
    if errors:
        raise UserError("\n".join(describe(error, files) for error in errors))
    try:
        return _build(raw)
    except _Wrong as error:
        texts = [place(text.split(": ")[0].split("."), files) + text for text in error.texts]
        raise UserError("\n".join(texts)) from error
    except UserError as error:
        dotted = str(error).split(": ")[0]
        raise UserError(place(dotted.split("."), files) + str(error)) from error


class _Wrong(UserError):
    """Several blocks of a configuration are wrong, each for a reason of its own."""

    def __init__(self, texts: list[str]):
        super().__init__("\n".join(texts))
        self.texts = texts


def _made(raw: Mapping[str, Any]) -> tuple[dict[str, Scenario], dict[str, Method]]:
    """Build the scenarios and methods of all blocks.

    Raises:
        _Wrong: with what is wrong in each block.
    """
    wrong = []

    def tried(make: Callable[[str, Any], Any], blocks: Mapping[str, Any]) -> dict[str, Any]:
        made = {}
        for name, block in blocks.items():
            try:
                made[name] = make(name, block)
            except UserError as error:
                wrong.append(str(error))
        return made

    scenarios, methods = tried(get_scenario, raw["scenarios"]), tried(get_method, raw["methods"])
    if wrong:
        raise _Wrong(wrong)
    return scenarios, methods


def _build(raw: Mapping[str, Any]) -> Config:
    plugins.activate(raw.get("plugins", []))
    scenarios, methods = _made(raw)
    sizes, references = {}, {}
    for name, block in raw["scenarios"].items():
        fixed = scenarios[name].n_datasets
        sizes[name] = fixed or block.get("n_datasets", 20)
        if fixed and "n_datasets" in block:
            raise UserError(
                f"scenarios.{name}.n_datasets: this scenario is real data, {fixed} data set(s). Remove it."
            )
        references[name] = block.get("n_references", sizes[name])
        if references[name] > sizes[name]:
            raise UserError(
                f"scenarios.{name}.n_references: found {references[name]}, but there are {sizes[name]} data "
                "set(s). Lower it, or leave it out for a reference of every data set."
            )
    scopes = _scopes(raw["methods"], methods, scenarios)
    _check_methods(methods, {name: [scenarios[one] for one in scopes[name]] for name in methods})
    _check_programs(scenarios)
    return Config(
        run=raw["run"],
        seed=raw["seed"],
        toolchain=raw.get("stan", {}).get("toolchain", "auto"),
        scenarios=scenarios,
        n_datasets=sizes,
        n_references=references,
        data_names=_data_names(raw["scenarios"], scenarios),
        shard_size=raw.get("shard_size", SHARD_SIZE),
        methods=methods,
        scopes=scopes,
        reference=construct(Reference, raw.get("reference", {}), "reference"),
        checks=construct(Checks, raw.get("checks", {}), "checks"),
        regression=construct(Regression, raw.get("regression", {}), "regression"),
        belief_networks=raw.get("belief_networks", BELIEF_NETWORKS),
        raw=dict(raw),
    )


def _data_names(blocks: Mapping[str, Any], scenarios: Mapping[str, Scenario]) -> dict[str, str]:
    """Return, by scenario, under whose name its data sets are drawn: its own, or that of its twin.

    Raises:
        UserError: the twin is unknown or itself one, or would have other observations.
    """
    names = {name: blocks[name].get(TWIN, name) for name in scenarios}
    for name, other in names.items():
        if name == other:
            continue
        where = f"scenarios.{name}.{TWIN}"
        possible = [one for one in scenarios if one != name and names[one] == one]
        if other not in possible:
            raise UserError(
                f"{where}: there is no scenario {other!r} in this run with data sets of its own."
                f"{did_you_mean(other, possible)} Allowed: {', '.join(possible) or 'none'}."
            )
        own, others = (scenarios[one].data_sets([1])[0].y for one in (name, other))
        if not np.array_equal(own, others):
            raise UserError(
                f"{where}: from the same seeds {name} draws other observations than {other}. Give both the "
                "same settings but for the order of components."
            )
    return names


def _scopes(
    blocks: Mapping[str, Any], methods: Mapping[str, Method], scenarios: Mapping[str, Scenario]
) -> dict[str, tuple[str, ...]]:
    """Return, by method, the scenarios that it is wanted for: by default all, or those of its network.

    Raises:
        UserError: an unknown scenario, or one for which the method's network is not trained.
    """
    scopes: dict[str, tuple[str, ...]] = {}
    for name in sorted(blocks, key=lambda name: bool(getattr(methods[name], "network_of", ""))):
        method = methods[name]
        owner = method.network_of if isinstance(method, TrainedMethod) else ""
        trained = scopes.get(owner, tuple(scenarios))
        wanted = scopes[name] = tuple(blocks[name].get(SCOPE, trained))
        for one in wanted:
            if one not in scenarios:
                raise UserError(
                    f"methods.{name}.{SCOPE}: there is no scenario {one!r} in this run."
                    f"{did_you_mean(one, scenarios)} Allowed: {', '.join(scenarios)}."
                )
        if missing := sorted(set(wanted) - set(trained)):
            raise UserError(
                f"methods.{name}.{SCOPE}: {missing[0]} is not among the scenarios of {owner}, whose network "
                "this method uses. Add it there, or leave it out here."
            )
    return scopes


def _check_methods(methods: Mapping[str, Method], wanted: Mapping[str, list[Scenario]]) -> None:
    """Refuse methods that lack what they build on, or that fit no scenario that they are wanted for."""
    for name, method in methods.items():
        if isinstance(method, TrainedMethod) and method.network_of and method.network_of not in methods:
            raise UserError(
                f"methods.{name}: this method uses the network of {method.network_of}. Add that to methods."
            )
        obstacles = [method.obstacle(scenario) for scenario in wanted[name]]
        if all(obstacles):
            raise UserError(
                f"methods.{name}: this method applies to none of its scenarios. {obstacles[0]} Remove it."
            )


def _check_programs(scenarios: Mapping[str, Scenario]) -> None:
    """Refuse Stan programs that are missing, and two of one name."""
    files: dict[str, Path] = {}
    for name, scenario in scenarios.items():
        file = scenario.stan_file
        if not file.is_file():
            raise UserError(f"scenarios.{name}: its Stan program {scenario.stan_program} is not at {file}.")
        if files.setdefault(scenario.stan_program, file).resolve() != file.resolve():
            raise UserError(
                f"scenarios.{name}: two Stan programs are called {scenario.stan_program}: {file} and "
                f"{files[scenario.stan_program]}. Rename one."
            )
