# Stan programs to executables and shared libraries, kept in the user's cache folder between runs.


rule build_driver:
    output:
        f"{RUN}/models/toolchain.json",
    input:
        sources=sources_of("pipeline.stan.build"),
    log:
        f"{RUN}/logs/build/driver.log",
    params:
        toolchain=CONFIG.toolchain,
    threads: workflow.cores
    script:
        "../scripts/build_driver.py"


rule build_model:
    output:
        f"{RUN}/models/{{program}}.json",
    input:
        toolchain=f"{RUN}/models/toolchain.json",
        program="stan/{program}.stan",
        sources=sources_of("pipeline.stan.build"),
    log:
        f"{RUN}/logs/build/{{program}}.log",
    params:
        toolchain=CONFIG.toolchain,
    script:
        "../scripts/build_model.py"
