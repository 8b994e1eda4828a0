"""Keep a few plot-ready arrays of one data set a scenario for the report."""

from pathlib import Path

from pipeline.files import whole
from pipeline.job import job
from pipeline.posterior_io import read_data_sets, read_numbers, read_posteriors
from pipeline.report.examples import ExampleInput, write_examples
from pipeline.scenarios import get_scenario

with job(snakemake):
    run, examples = Path(snakemake.params.run), {}
    for scenario, block in snakemake.params.scenarios.items():
        model = get_scenario(scenario, block)
        names = ["reference-1", *snakemake.params.methods[scenario]]
        files = {name: run / "draws" / scenario / f"{name}.nc" for name in names}
        fitted = {name: read_numbers(file) for name, file in files.items()}
        if not fitted["reference-1"]:
            continue
        # The first of the data sets that most methods fitted.
        number = max(fitted["reference-1"], key=lambda i: (sum(i in fits for fits in fitted.values()), -i))
        data_sets = read_data_sets(run / "data" / f"{scenario}.nc")
        data = data_sets[number]
        posteriors = {name: read_posteriors(file, [number]).get(number) for name, file in files.items()}
        reference = posteriors.pop("reference-1")
        examples[scenario] = ExampleInput(
            dataset=number,
            family=model.family,
            data=data,
            observed=model.plotted(data),
            reference=reference,
            methods={name: posterior for name, posterior in posteriors.items() if posterior},
            sizes=[len(data_sets[i].y) for i in sorted(data_sets)],
        )
    with whole(Path(snakemake.output[0])) as temporary:
        write_examples(temporary, examples)
