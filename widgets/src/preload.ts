// The page loads BokehJS while the kernel is busy loading Python: figures find it there.
import type { InitializeProps } from "@anywidget/types";
import { toBuffer } from "./ask";
import { bokehLibrary } from "./library";
import type { Model, State } from "./model";

interface PreloadState extends State {
  bokeh_version: string;
  library: DataView;
}

async function initialize({ model: given }: InitializeProps<PreloadState>): Promise<void> {
  const model = given as unknown as Model<PreloadState>;
  try {
    await bokehLibrary(model.get("bokeh_version"), async () => [toBuffer(model.get("library"))]);
  } catch (error) {
    console.warn("BokehJS was not loaded ahead; figures ask for it", error);
  }
  model.send({ kind: "taken" } as never);
}

export default { initialize };
