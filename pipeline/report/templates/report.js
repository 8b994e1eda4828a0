"use strict";
(() => {
  const PAGE = 15; // rows shown at first; a few more are shown rather than hidden
  const SLACK = 5;
  const element = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  const save = (text, type, name) => {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = element("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };

  // On paper nothing can be opened.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(".overview details:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });

  // ---- tables: sort by header, filter by text and value, page, download
  const raw = (cell) => (cell.hasAttribute("data-v") ? cell.dataset.v : cell.textContent.trim());
  const csvField = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const collator = new Intl.Collator("en", { numeric: true });

  function compare(a, b, numeric, sign) {
    if (a === b) return 0;
    if (a === "") return 1; // what is missing stands last in either direction
    if (b === "") return -1;
    return sign * (numeric ? Number(a) - Number(b) : collator.compare(a, b));
  }

  function enhance(box) {
    const table = box.querySelector("table");
    const body = table.tBodies[0];
    const headers = [...table.tHead.rows[0].cells];
    const rows = [...body.rows];
    const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const chosen = new Map();
    let order = rows;
    let query = "";
    let all = false;

    // On narrow screens rows turn into lines of named values (report.css); the roles keep them a table.
    const label = (node, role) => node.setAttribute("role", role);
    [table, table.tHead, body].forEach((node, i) => label(node, i === 0 ? "table" : "rowgroup"));
    [table.tHead.rows[0], ...rows].forEach((row) => label(row, "row"));
    headers.forEach((header) => label(header, "columnheader"));
    rows.forEach((row) => [...row.cells].forEach((cell, column) => {
      const { label: name, kind } = headers[column].dataset;
      label(cell, "cell");
      cell.dataset.label = name;
      if (raw(cell) === "") cell.classList.add("none");
      else if (kind === "text" && (name === "Scenario" || name === "Method")) cell.classList.add("name");
    }));

    const status = element("span", { role: "status" });
    const more = element("button", { type: "button", className: "more" });
    const tools = element("div", { className: "tools" });

    const matching = () => {
      const words = query.toLowerCase().split(/\s+/).filter(Boolean);
      return order.filter(
        (row) =>
          words.every((word) => text.get(row).includes(word)) &&
          [...chosen].every(([column, value]) => value === "" || raw(row.cells[column]) === value),
      );
    };
    const draw = () => {
      const kept = matching();
      const short = kept.length <= PAGE + SLACK;
      const shown = all || short ? kept : kept.slice(0, PAGE);
      body.replaceChildren(...shown);
      const some = kept.length < rows.length ? `${kept.length} matching of ${rows.length}` : `${rows.length}`;
      status.textContent = shown.length < kept.length ? `${shown.length} of ${some} rows` : `${some} rows`;
      more.hidden = short;
      more.textContent = all ? `Show the first ${PAGE} only` : `Show all ${kept.length} rows`;
    };
    const sort = (column) => {
      const header = headers[column];
      const numeric = header.dataset.kind === "number";
      const was = header.getAttribute("aria-sort");
      const now = was ? (was === "ascending" ? "descending" : "ascending") : numeric ? "descending" : "ascending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", now);
      const sign = now === "ascending" ? 1 : -1;
      order = [...order].sort((a, b) => compare(raw(a.cells[column]), raw(b.cells[column]), numeric, sign));
      draw();
    };

    headers.forEach((header, column) => {
      const text = header.querySelector(".label");
      const button = element("button", { type: "button", className: "sort", textContent: text.textContent });
      button.addEventListener("click", () => sort(column));
      text.replaceWith(button);
    });
    if (rows.length > 5) {
      const input = element("input", { type: "search", size: 14, autocomplete: "off" });
      input.setAttribute("aria-label", `Find in: ${box.dataset.title}`);
      input.addEventListener("input", () => { query = input.value; draw(); });
      tools.append(element("label", {}, "Find", input));
      headers.forEach((header, column) => {
        if (!header.hasAttribute("data-filter")) return;
        const values = [...new Set(rows.map((row) => raw(row.cells[column])))].sort(collator.compare);
        if (values.length < 2) return;
        const select = element("select", {}, element("option", { value: "", textContent: "all" }));
        values.forEach((value) => value !== "" && select.append(element("option", { value, textContent: value })));
        select.setAttribute("aria-label", `${header.dataset.label} in: ${box.dataset.title}`);
        select.addEventListener("change", () => { chosen.set(column, select.value); draw(); });
        tools.append(element("label", {}, header.dataset.label, select));
      });
    }
    const download = element("button", { type: "button", className: "csv", textContent: "CSV" });
    download.setAttribute("aria-label", `Download as CSV: ${box.dataset.title}`);
    download.addEventListener("click", () => {
      const lines = [headers.map((header) => header.dataset.key), ...matching().map((row) => [...row.cells].map(raw))];
      save(lines.map((line) => line.map(csvField).join(",")).join("\r\n") + "\r\n", "text/csv", `${table.id}.csv`);
    });
    more.addEventListener("click", () => { all = !all; draw(); });
    tools.append(download, status);
    box.querySelector(".scroll").before(tools);
    box.querySelector(".scroll").after(more);
    draw();
  }

  // ---- charts: drawn one after the other, so that the page stays responsive
  const parsed = (id) => JSON.parse(document.getElementById(id).textContent);
  const unpacked = (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };
  const embedOptions = { mode: "vega-lite", renderer: "svg", actions: false, ast: true };

  // A page shows one legend for many charts; a figure that leaves the page takes its legend along.
  const withLegends = (node) => {
    if (Array.isArray(node)) return node.map(withLegends);
    if (node === null || typeof node !== "object") return node;
    const entries = Object.entries(node).filter(([key, value]) => !(key === "legend" && value === null));
    return Object.fromEntries(entries.map(([key, value]) => [key, key === "width" && value === "container" ? 480 : withLegends(value)]));
  };
  async function saveSvg(figure, spec) {
    const box = element("div", { className: "visually-hidden" });
    document.body.append(box);
    const { view } = await vegaEmbed(box, withLegends(spec), embedOptions);
    save(await view.toSVG(), "image/svg+xml", `${figure.id}.svg`);
    view.finalize();
    box.remove();
  }
  async function drawCharts() {
    const shared = parsed("chart-config");
    for (const figure of document.querySelectorAll("figure.chart")) {
      const plot = figure.querySelector(".plot");
      try {
        const spec = { ...(await unpacked(figure.querySelector("script").textContent)), config: shared };
        await vegaEmbed(plot, spec, embedOptions);
        figure.dataset.drawn = "yes";
        const button = element("button", { type: "button", className: "svg", textContent: "SVG" });
        button.setAttribute("aria-label", `Download as SVG: ${figure.querySelector("strong").textContent}`);
        button.addEventListener("click", () => saveSvg(figure, spec));
        figure.append(button);
      } catch (error) {
        plot.textContent = `This chart could not be drawn: ${error.message}`;
        console.error(figure.id, error);
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
    document.documentElement.dataset.charts = "drawn";
  }

  // ---- the command of one cell: names chosen in place of SCENARIO and METHOD
  function chooseCell(box) {
    const code = box.querySelector("code");
    const template = code.textContent;
    const cells = JSON.parse(box.dataset.cells);
    const choice = (name) => {
      const select = element("select");
      select.setAttribute("aria-label", `${name} of the command`);
      select.addEventListener("change", draw);
      return select;
    };
    const fill = (select, values) => {
      const before = select.value;
      select.replaceChildren(...values.map((value) => element("option", { value, textContent: value })));
      if (values.includes(before)) select.value = before;
    };
    const scenario = choice("Scenario");
    const method = choice("Method");
    function draw() {
      fill(method, cells[scenario.value]);
      code.textContent = template.replace("SCENARIO", () => scenario.value).replace("METHOD", () => method.value);
    }
    fill(scenario, Object.keys(cells));
    box.before(element("div", { className: "tools" }, element("label", {}, "Scenario", scenario), element("label", {}, "Method", method)));
    draw();
  }

  // ---- the first screen: methods by their order in the configuration, by verdict or by speed, and as a CSV
  function enhanceOverview(table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const tools = element("div", { className: "tools" });
    const select = element("select", {}, element("option", { value: "", textContent: "as configured" }));
    [...table.tHead.rows[0].cells].slice(1).forEach((header, i) => {
      for (const [key, words] of [["rank", "verdict"], ["speed", "speed"]])
        select.append(element("option", { value: `${key} ${i + 1}`, textContent: `${words} on ${header.dataset.scenario}` }));
    });
    select.setAttribute("aria-label", "Order of the methods");
    select.addEventListener("change", () => {
      const [key, column] = select.value.split(" ");
      const by = (row) => (key ? Number(row.cells[column].dataset[key]) : 0);
      body.replaceChildren(...[...rows].sort((a, b) => (key === "speed" ? by(b) - by(a) : by(a) - by(b))));
    });
    const download = element("button", { type: "button", className: "csv", textContent: "CSV" });
    download.setAttribute("aria-label", "Download as CSV: Verdicts");
    download.addEventListener("click", () => document.querySelector("#verdict-reasons").closest(".tablebox").querySelector(".csv").click());
    tools.append(element("label", {}, "Order by", select), download);
    table.closest(".scroll").after(tools);
  }

  document.documentElement.classList.add("js");
  document.querySelectorAll("#cell-command").forEach(chooseCell);
  document.querySelectorAll("table.overview").forEach(enhanceOverview);
  document.querySelectorAll(".tablebox:has(table)").forEach(enhance);
  drawCharts();
})();
