// A Bokeh document inside an anywidget: BokehJS comes from the kernel, changes travel over the comm.
import type { RenderProps } from "@anywidget/types";
import { ask, type Message, toBuffer } from "./ask";
import { bokehLibrary } from "./library";
import type { Model, State } from "./model";
import { download, fileName, svgToPng } from "./paper";
import { inTurn } from "./turns";

interface PaneState extends State {
  bokeh_version: string;
  description: string;
  revision: number;
  has_export: boolean;
}

interface Answer extends Message {
  /** Words in the place of a figure. */
  text?: string;
  doc: string;
  roots: string[];
  listen: string[];
  revision: number;
}

/** The tag of models whose changes the kernel wants to hear. */
const HEARD = "heard";

/** BokehJS of the kernel's own version, once per page. */
function ensureBokeh(model: Model<PaneState>, signal: AbortSignal): Promise<BokehLibrary> {
  return bokehLibrary(model.get("bokeh_version"), async () => {
    const files = await ask(model, "bokehjs", (_, buffers) => buffers, signal);
    if (!files) throw new Error("the figure was closed while BokehJS was loading");
    return files;
  });
}

function render({ model: given, el }: RenderProps<PaneState>): () => void {
  const model = given as unknown as Model<PaneState>;
  const life = new AbortController();
  const { signal } = life;
  const host = document.createElement("div");
  host.className = "seisnb-pane";
  host.setAttribute("role", "figure");
  const tools = document.createElement("div");
  tools.className = "seisnb-export";
  tools.style.cssText = "display:flex;gap:6px;margin:0 0 6px 58px";
  el.append(host, tools);
  type Shown = { document: BokehDocument | null; revision: number; view: BokehView | null };
  let current: Shown | null = null;
  let applying = false;

  const save = async (kind: "png" | "svg"): Promise<void> => {
    const view = current?.view;
    if (!view) return;
    const svg = await (await view.export("svg", false).to_blob()).text();
    const name = fileName(model.get("description"), kind);
    if (kind === "svg") download(new Blob([svg], { type: "image/svg+xml" }), name);
    else download(await svgToPng(svg, view.bbox.width, view.bbox.height), name);
  };
  for (const kind of ["png", "svg"] as const) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = kind.toUpperCase();
    button.title =
      kind === "png" ? "Save the figure, 170 mm wide at 300 dots per inch" : "Save as vectors";
    button.style.cssText =
      "font:11px sans-serif;padding:1px 6px;border:1px solid #767676;border-radius:3px;" +
      "background:transparent;color:inherit;cursor:pointer";
    button.addEventListener(
      "click",
      () =>
        void save(kind).catch((error: Error) => {
          button.title = button.textContent = `not saved: ${error.message}`;
        }),
      { signal },
    );
    tools.append(button);
  }

  const label = (): void => {
    const words = model.get("description");
    host.setAttribute("aria-label", words);
    tools
      .querySelectorAll("button")
      .forEach((each, i) => each.setAttribute("aria-label", `${["PNG", "SVG"][i]} of ${words}`));
    tools.hidden = !model.get("has_export");
    tools.style.display = tools.hidden ? "none" : "flex";
  };

  const build = async (answer: Answer): Promise<true> => {
    current?.document?.clear();
    host.replaceChildren();
    if (answer.text !== undefined) {
      const words = document.createElement("p");
      words.textContent = answer.text;
      host.append(words);
      current = { document: null, revision: answer.revision, view: null };
      tools.style.display = "none";
      return true;
    }
    label();
    const bokeh = window.Bokeh as BokehLibrary;
    const library = bokeh.require("document") as unknown as {
      Document: { from_json(json: unknown): BokehDocument };
    };
    const made = library.Document.from_json(JSON.parse(answer.doc));
    const now: Shown = { document: made, revision: answer.revision, view: null };
    current = now;
    const roots: Record<string, HTMLElement> = {};
    for (const id of answer.roots) {
      roots[id] = document.createElement("div");
      host.append(roots[id]);
    }
    made.on_change((change) => {
      if (applying || change.sync === false || current?.document !== made) return;
      for (const event of change.events ?? [change]) {
        const isHeard =
          event.kind === "MessageSent" ||
          (event.kind === "ModelChanged" &&
            (answer.listen.includes(event.model?.type ?? "") ||
              event.model?.tags?.includes(HEARD)));
        if (isHeard)
          model.send({
            kind: "event",
            revision: answer.revision,
            patch: JSON.stringify(made.create_json_patch([event])),
          } as never);
      }
    });
    const embed = bokeh.require("embed/standalone") as unknown as {
      add_document_standalone(
        made: BokehDocument,
        host: HTMLElement,
        roots: Record<string, HTMLElement>,
      ): Promise<{ roots: BokehView[] }>;
    };
    now.view = (await embed.add_document_standalone(made, host, roots)).roots[0] ?? null;
    return true;
  };

  const load = async (): Promise<void> => {
    delete host.dataset.ready;
    try {
      await ensureBokeh(model, signal);
      await inTurn(async () => {
        // one that waited before may have brought this revision already
        if (!signal.aborted && current?.revision !== model.get("revision"))
          await ask(model, "doc", (answer) => build(answer as Answer), signal);
      });
      if (!signal.aborted && current) host.dataset.ready = String(current.revision);
    } catch (error) {
      host.textContent = `The figure could not be shown: ${(error as Error).message}. Run the cell again.`;
      console.error(error);
    }
  };

  const onMessage = (message: Message, parts: (ArrayBuffer | ArrayBufferView)[]): void => {
    const shown = current;
    if (!shown?.document || message.kind !== "patch" || shown.revision !== message.revision)
      return;
    applying = true;
    try {
      const ids = message.ids as string[];
      const buffers = new Map(ids.map((id, index) => [id, toBuffer(parts[index])]));
      shown.document.apply_json_patch(JSON.parse(message.content as string), buffers);
    } finally {
      applying = false;
    }
  };

  model.on("msg:custom", onMessage as never);
  model.on("change:description", label);
  model.on("change:revision", load);
  label();
  void load();
  return () => {
    life.abort();
    model.off("msg:custom", onMessage as never);
    model.off("change:description", label);
    model.off("change:revision", load);
    current?.document?.clear();
  };
}

export default { render };
