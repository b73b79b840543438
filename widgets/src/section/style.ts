export const STYLE = `
.seisnb-section { --ink: var(--jp-ui-font-color1, #1a1a1a); --soft: var(--jp-ui-font-color2, #555);
  --paper: var(--jp-layout-color1, #fff); --line: var(--jp-border-color1, #bbb);
  font: 13px/1.4 Helvetica, Arial, "Liberation Sans", sans-serif; color: var(--ink);
  max-width: 1100px; }
.seisnb-section .seisnb-heading { font-weight: 600; font-size: 14px; margin: 6px 0 2px; }
.seisnb-section .seisnb-stage { position: relative; outline: none; }
.seisnb-section .seisnb-stage:focus-visible { box-shadow: 0 0 0 2px #1c7ed6; }
.seisnb-section canvas { position: absolute; left: 0; top: 0; }
.seisnb-section .seisnb-stage canvas:last-of-type { cursor: crosshair; touch-action: none; }
.seisnb-section .seisnb-readout { min-height: 1.4em; color: var(--soft);
  font-variant-numeric: tabular-nums; }
.seisnb-section .seisnb-note { color: var(--soft); margin: 2px 0; }
.seisnb-section .seisnb-row { display: flex; align-items: center; gap: 8px; margin: 3px 0; }
.seisnb-section .seisnb-row[hidden] { display: none; }
.seisnb-section .seisnb-row > label { flex: 0 0 110px; }
.seisnb-section .seisnb-row input[type=range] { flex: 1 1 200px; max-width: 420px;
  accent-color: #1c5460; }
.seisnb-section output { min-width: 7em; font-variant-numeric: tabular-nums; }
.seisnb-section .seisnb-tools { display: flex; flex-wrap: wrap; gap: 4px 14px;
  align-items: flex-start; margin-top: 4px; }
.seisnb-section fieldset { border: 1px solid var(--line); border-radius: 3px; margin: 0;
  padding: 0 8px 5px; display: flex; gap: 6px; align-items: center; }
.seisnb-section legend, .seisnb-section summary { color: var(--soft); font-size: 12px; }
.seisnb-section details { border: 1px solid var(--line); border-radius: 3px; padding: 4px 8px;
  margin-top: 8px; }
.seisnb-section summary { cursor: pointer; }
.seisnb-section pre { margin: 4px 0; font: inherit; color: var(--ink); background: none; }
.seisnb-section .seisnb-layers { display: flex; flex-direction: column; }
.seisnb-section input[type=number] { width: 6em; }
.seisnb-section button, .seisnb-section select, .seisnb-section input[type=number] {
  font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--line);
  border-radius: 3px; padding: 2px 7px; }
.seisnb-section button:focus-visible, .seisnb-section select:focus-visible,
.seisnb-section input:focus-visible, .seisnb-section summary:focus-visible {
  outline: 2px solid #1c7ed6; outline-offset: 1px; }
@media (prefers-color-scheme: dark) {
  .seisnb-alone .seisnb-section { --ink: #e8e8e8; --soft: #b5b5b5; --paper: #161616; --line: #555; }
}
`;
