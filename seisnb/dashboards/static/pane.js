// A Bokeh document inside an anywidget: BokehJS comes from the kernel, changes travel over the comm.
const TIMEOUT = 30000;
let sequence = 0;

const toBuffer = (part) =>
  part instanceof ArrayBuffer
    ? part
    : part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength);

/** Ask the kernel and hand its answer to `receive` in the very turn in which it arrives. */
function ask(model, kind, receive, signal) {
  const id = `${Date.now()}-${sequence++}`;
  return new Promise((resolve, reject) => {
    const finish = (settle, value) => {
      clearTimeout(timer);
      model.off("msg:custom", onMessage);
      settle(value);
    };
    const timer = setTimeout(
      () => finish(reject, new Error("the kernel did not answer; is it busy or gone?")),
      TIMEOUT,
    );
    const onMessage = (message, buffers) => {
      if (message.re !== id) return;
      try {
        finish(resolve, receive(message, buffers));
      } catch (error) {
        finish(reject, error);
      }
    };
    model.on("msg:custom", onMessage);
    signal.addEventListener("abort", () => finish(resolve, undefined), { once: true });
    model.send({ kind, id });
  });
}

/** BokehJS of the kernel's own version, once per page. */
async function ensureBokeh(model, signal) {
  const version = model.get("bokeh_version");
  if (window.Bokeh?.version === version) return window.Bokeh;
  const key = `__seisnb_bokeh_${version}`;
  window[key] ??= (async () => {
    const files = await ask(model, "bokehjs", (_, buffers) => buffers, signal);
    for (const file of files ?? []) {
      const url = URL.createObjectURL(new Blob([file], { type: "text/javascript" }));
      await new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = url;
        script.onload = resolve;
        script.onerror = () => reject(new Error("BokehJS could not be loaded"));
        document.head.append(script);
      });
      URL.revokeObjectURL(url);
    }
    if (!files) throw new Error("the figure was closed while BokehJS was loading");
    return window.Bokeh;
  })().catch((error) => {
    delete window[key];
    throw error;
  });
  return window[key];
}

function render({ model, el }) {
  const life = new AbortController();
  const host = document.createElement("div");
  host.className = "seisnb-pane";
  host.setAttribute("role", "figure");
  el.append(host);
  let current = null; // {document, revision} on screen
  let applying = false;

  const label = () => host.setAttribute("aria-label", model.get("description"));

  const build = (Bokeh, answer) => {
    current?.document.clear();
    host.replaceChildren();
    const { Document } = Bokeh.require("document");
    const bokeh = Document.from_json(JSON.parse(answer.doc));
    current = { document: bokeh, revision: answer.revision };
    const roots = {};
    for (const id of answer.roots) {
      roots[id] = document.createElement("div");
      host.append(roots[id]);
    }
    bokeh.on_change((change) => {
      if (applying || change.sync === false || current?.document !== bokeh) return;
      for (const event of change.events ?? [change]) {
        const isHeard =
          event.kind === "MessageSent" ||
          (event.kind === "ModelChanged" && answer.listen.includes(event.model.type));
        if (isHeard)
          model.send({
            kind: "event",
            revision: answer.revision,
            patch: JSON.stringify(bokeh.create_json_patch([event])),
          });
      }
    });
    const { add_document_standalone } = Bokeh.require("embed/standalone");
    return add_document_standalone(bokeh, host, roots);
  };

  const load = async () => {
    delete host.dataset.ready;
    try {
      const Bokeh = await ensureBokeh(model, life.signal);
      if (life.signal.aborted) return;
      await ask(model, "doc", (answer) => build(Bokeh, answer), life.signal);
      if (!life.signal.aborted) host.dataset.ready = String(current.revision);
    } catch (error) {
      host.textContent = `The figure could not be shown: ${error.message}. Run the cell again.`;
      console.error(error);
    }
  };

  const onMessage = (message, buffers) => {
    if (message.kind !== "patch" || current?.revision !== message.revision) return;
    applying = true;
    try {
      const parts = new Map(message.ids.map((id, index) => [id, toBuffer(buffers[index])]));
      current.document.apply_json_patch(JSON.parse(message.content), parts);
    } finally {
      applying = false;
    }
  };

  model.on("msg:custom", onMessage);
  model.on("change:description", label);
  model.on("change:revision", load);
  label();
  load();
  return () => {
    life.abort();
    model.off("msg:custom", onMessage);
    model.off("change:description", label);
    model.off("change:revision", load);
    current?.document.clear();
  };
}

export default { render };
