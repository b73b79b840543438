// One self-contained ES module per widget: anywidget loads text, so chunks could not be resolved.
import esbuild from "esbuild";

const shared = {
  bundle: true,
  minify: true,
  target: ["es2022"],
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
  define: { "define.amd": "false" },
  outdir: "../seisnb/dashboards/static",
};
const modules = {
  ...shared,
  format: "esm",
  entryPoints: {
    a11y: "src/a11y.ts",
    pane: "src/pane.ts",
    preload: "src/preload.ts",
    section: "src/section/widget.ts",
  },
};
// The page that opens without a kernel: a plain script that defines window.seisnbSection.
const page = {
  ...shared,
  format: "iife",
  entryPoints: { section_page: "src/section/page.ts" },
};
if (process.argv.includes("--watch")) {
  for (const options of [modules, page]) {
    const context = await esbuild.context({ ...options, minify: false, sourcemap: "inline" });
    await context.watch();
  }
} else await Promise.all([esbuild.build(modules), esbuild.build(page)]);
