# Stan programs to executables and shared libraries, kept in the user's cache folder between runs.


rule build_model:
    input:
        program=lambda wildcards: STAN_FILE_OF[wildcards.program],
        sources=sources_of("pipeline.stan.build")
        + [str(p) for p in Path("stan/embedded").rglob("*.?pp")],
    # Jobs that build at once share the compilation of what all programs have in common; a lone one has all cores.
    output:
        f"{RUN}/models/{{program}}.json",
    log:
        f"{RUN}/logs/build/{{program}}.log",
    priority: PRIORITY["build"]
    conda:
        "../envs/latentbench.yaml"
    threads: max(1, workflow.cores // len(STAN_FILE_OF))
    params:
        toolchain=CONFIG.toolchain,
    script:
        "../scripts/build_model.py"
