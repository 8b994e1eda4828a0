# The HTML report, and what it needs beside the tables.


rule provenance:
    input:
        model=f"{RUN}/models/{next(iter(PROGRAM_OF.values()))}.json",
        tables=rules.collect.output.scores,
        records=each_cell("fits/{scenario}/{method}.json"),
        sources=sources_of("pipeline.provenance"),
    output:
        f"{RUN}/provenance.json",
    log:
        f"{RUN}/logs/provenance.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        config=config,
        files=[str(file) for file in workflow.configfiles],
        published=published_references(),
    script:
        "../scripts/provenance.py"


rule examples:
    input:
        data=expand(f"{RUN}/data/{{scenario}}.nc", scenario=list(CONFIG.scenarios)),
        draws=each_cell("draws/{scenario}/{method}.nc"),
        references=each_reference("draws/{scenario}/reference-{reference_run}.nc"),
        sources=sources_of("pipeline.report.examples"),
    output:
        f"{RUN}/examples.nc",
    log:
        f"{RUN}/logs/examples.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        run=lambda wildcards, output: Path(output[0]).parent,
        scenarios=config["scenarios"],
        methods={
            name: [method for scenario, method in CONFIG.cells if scenario == name]
            for name in CONFIG.scenarios
        },
    script:
        "../scripts/examples.py"


rule html:
    input:
        tables=rules.collect.output,
        provenance=rules.provenance.output,
        examples=rules.examples.output,
        checks=checks_of_networks(),
        networks=network_records,
        sources=sources_of("pipeline.report.render"),
        templates=[str(p) for p in Path("pipeline/report/templates").glob("*")],
    output:
        report(
            f"{RUN}/report.html",
            caption="../report/captions/report.rst",
            category="Report",
        ),
    log:
        f"{RUN}/logs/html.log",
    conda:
        "../envs/latentbench.yaml"
    params:
        run=lambda wildcards, output: Path(output[0]).parent,
    script:
        "../scripts/html.py"
