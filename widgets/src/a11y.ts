// Names and roles that ipywidgets leave out: slider handles, progress bars, live regions.
import type { RenderProps } from "@anywidget/types";

function set(element: Element | null, name: string, value: string): void {
  if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Mend everything under an app's root. */
export function mend(root: Element): void {
  const widgets = ".widget-slider, .widget-hslider, .widget-vslider, .widget-hprogress";
  for (const widget of root.querySelectorAll(widgets)) {
    const text = widget.querySelector(".widget-label")?.textContent?.trim();
    if (!text) continue;
    widget.querySelectorAll(".noUi-handle").forEach((handle, index, all) => {
      const end = index ? "upper" : "lower";
      set(handle, "aria-label", all.length > 1 ? `${text} ${end}` : text);
    });
    const bar = widget.querySelector(".progress");
    set(bar, "role", "progressbar");
    set(bar, "aria-label", text);
    const readout = widget.querySelector<HTMLElement>(".widget-readout");
    if (readout?.isContentEditable) {
      set(readout, "role", "textbox");
      set(readout, "aria-label", `${text} value`);
    }
  }
  // The element that stays while its text changes carries the role, so that changes are read out.
  for (const role of ["status", "alert"])
    for (const box of root.querySelectorAll(`.seisnb-${role} .widget-html-content`))
      set(box, "role", role);
}

function render({ el }: RenderProps): () => void {
  el.style.display = "none";
  const observer = new MutationObserver((_, self) => {
    const root = el.closest(".seisnb-app");
    if (root) mend(root);
    else self.disconnect();
  });
  const timer = window.setInterval(() => {
    const root = el.closest(".seisnb-app");
    if (!root) return;
    window.clearInterval(timer);
    mend(root);
    observer.observe(root, { childList: true, subtree: true, characterData: true });
  }, 50);
  return () => {
    window.clearInterval(timer);
    observer.disconnect();
  };
}

export default { render };
