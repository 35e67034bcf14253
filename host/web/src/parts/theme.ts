// The colours and measures of Fluent, for light and for dark.

import { webDarkTheme, webLightTheme } from '@fluentui/tokens';

/// Properties of the document; a sheet that is made here needs no style in the page.
const tokens = new CSSStyleSheet();
const dark = window.matchMedia('(prefers-color-scheme: dark)');

function chosen(): void {
  const values = Object.entries(dark.matches ? webDarkTheme : webLightTheme).map(([name, value]) => `--${name}:${value};`);
  tokens.replaceSync(`:root{${values.join('')}}`);
}

export function dress(): void {
  dark.addEventListener('change', chosen);
  chosen();
  document.adoptedStyleSheets.push(tokens);
}
