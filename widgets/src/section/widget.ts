// The section as an anywidget.
import type { RenderProps } from "@anywidget/types";
import type { SectionState } from "./source";
import { SectionView } from "./view";

function render({ model, el }: RenderProps<SectionState>): () => void {
  const view = new SectionView(model, el);
  return () => view.destroy();
}

export default { render };
