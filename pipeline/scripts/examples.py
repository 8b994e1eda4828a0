"""Keep a few plot-ready arrays of one data set a scenario for the report."""

from pathlib import Path

from pipeline.files import whole
from pipeline.job import job
from pipeline.posterior_io import read_data_sets, read_posteriors
from pipeline.report.examples import ExampleInput, write_examples
from pipeline.scenarios import get_scenario

with job(snakemake):
    run, examples = Path(snakemake.params.run), {}
    for scenario, block in snakemake.params.scenarios.items():
        model = get_scenario(scenario, {key: v for key, v in block.items() if key != "n_datasets"})
        draws = run / "draws" / scenario
        reference = read_posteriors(draws / "reference-1.nc")
        files = {name: draws / f"{name}.nc" for name in snakemake.params.methods[scenario]}
        methods = {name: read_posteriors(file) for name, file in files.items()}
        if not reference:
            continue
        # The first of the data sets that most methods fitted.
        number = max(reference, key=lambda i: (sum(i in fits for fits in methods.values()), -i))
        data = read_data_sets(run / "data" / f"{scenario}.nc")[number]
        examples[scenario] = ExampleInput(
            dataset=number,
            family=model.family,
            data=data,
            observed=model.plotted(data),
            reference=reference[number],
            methods={name: fits[number] for name, fits in methods.items() if number in fits},
        )
    with whole(Path(snakemake.output[0])) as temporary:
        write_examples(temporary, examples)
