// The section's own controls: plain labelled HTML, so that keyboards and screen readers know them.

export interface Controls {
  root: HTMLElement;
  quantity: HTMLSelectElement;
  member: HTMLInputElement;
  memberText: HTMLOutputElement;
  play: HTMLButtonElement;
  level: HTMLInputElement;
  levelText: HTMLOutputElement;
  threshold: HTMLInputElement;
  thresholdText: HTMLOutputElement;
  grey: HTMLInputElement;
  greyText: HTMLOutputElement;
  low: HTMLInputElement;
  high: HTMLInputElement;
  fit: HTMLButtonElement;
  auto: HTMLButtonElement;
  whole: HTMLButtonElement;
  png: HTMLButtonElement;
  svg: HTMLButtonElement;
  layers: HTMLElement;
  help: HTMLElement;
  rows: Record<"member" | "level" | "threshold" | "grey", HTMLElement>;
}

/** An id of its own: this module is loaded anew for every widget, so counting would repeat. */
const freshId = (): string => `seisnb-${Math.random().toString(36).slice(2)}`;

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function button(text: string, title: string): HTMLButtonElement {
  return make("button", { type: "button", textContent: text, title });
}

function slider(
  text: string,
  range: [number, number, number],
): { row: HTMLElement; input: HTMLInputElement; output: HTMLOutputElement } {
  const id = freshId();
  const input = make("input", { type: "range", id });
  [input.min, input.max, input.step] = range.map(String);
  const output = make("output", { htmlFor: id } as never);
  const row = make(
    "div",
    { className: "seisnb-row" },
    make("label", { htmlFor: id, textContent: text }),
    input,
    output,
  );
  return { row, input, output };
}

function number(text: string): { label: HTMLElement; input: HTMLInputElement } {
  const input = make("input", { type: "number", step: "any" });
  return { label: make("label", {}, text, input), input };
}

const KEYS = [
  "← →: member before or after (with Shift: ten)",
  "space: play the members",
  "1 to 7: what is shown",
  "+ − 0: zoom in, out, all",
  "w a s d: pan",
  "i j k l: move the picked point",
].join("\n");

export function makeControls(): Controls {
  const id = freshId();
  const quantity = make("select", { id });
  const member = slider("Member", [1, 1, 1]);
  const level = slider("Quantile", [0.5, 99.5, 0.5]);
  const threshold = slider("Velocity above", [0, 1, 0.01]);
  const grey = slider("Grey above std", [0, 1, 0.01]);
  const play = button("▶ Play", "Play the members one after another (space)");
  member.row.append(play);
  const low = number("from ");
  const high = number("to ");
  const fit = button("Fit", "Colour limits that fit what is on show");
  const auto = button("Default", "The usual colour limits");
  const layers = make("div", { className: "seisnb-layers" });
  const whole = button("All", "Show the whole section again (0)");
  const png = button("PNG", "Save the picture, 170 mm wide at 300 dots per inch");
  const svg = button("SVG", "Save the picture as vectors");
  const help = make("details", { className: "seisnb-help" });
  help.append(make("summary", { textContent: "Keys" }), make("pre", { textContent: KEYS }));
  const colours = make(
    "fieldset",
    { className: "seisnb-limits" },
    make("legend", { textContent: "Colours" }),
    low.label,
    high.label,
    fit,
    auto,
  );
  const shownLayers = make("details", { className: "seisnb-shown" });
  shownLayers.append(make("summary", { textContent: "Layers" }), layers);
  const root = make(
    "div",
    { className: "seisnb-controls" },
    make(
      "div",
      { className: "seisnb-row" },
      make("label", { htmlFor: id, textContent: "Show" }),
      quantity,
    ),
    member.row,
    level.row,
    threshold.row,
    grey.row,
    make(
      "div",
      { className: "seisnb-tools" },
      colours,
      make(
        "fieldset",
        {},
        make("legend", { textContent: "Picture" }),
        whole,
        png,
        svg,
      ),
      shownLayers,
      help,
    ),
  );
  return {
    root,
    quantity,
    member: member.input,
    memberText: member.output,
    play,
    level: level.input,
    levelText: level.output,
    threshold: threshold.input,
    thresholdText: threshold.output,
    grey: grey.input,
    greyText: grey.output,
    low: low.input,
    high: high.input,
    fit,
    auto,
    whole,
    png,
    svg,
    layers,
    help,
    rows: { member: member.row, level: level.row, threshold: threshold.row, grey: grey.row },
  };
}

/** Check boxes of the layers, made anew. */
export function fillLayers(
  box: HTMLElement,
  items: readonly { name: string; label: string; isOn: boolean }[],
  toggle: (name: string, isOn: boolean) => void,
): void {
  const wanted = JSON.stringify(items.map((item) => [item.name, item.label]));
  if (box.dataset.items === wanted) {
    items.forEach((item, i) => {
      (box.querySelectorAll("input")[i] as HTMLInputElement).checked = item.isOn;
    });
    return;
  }
  box.dataset.items = wanted;
  box.replaceChildren(
    ...items.map((item) => {
      const input = make("input", { type: "checkbox", checked: item.isOn });
      input.addEventListener("change", () => toggle(item.name, input.checked));
      return make("label", {}, input, ` ${item.label}`);
    }),
  );
}
