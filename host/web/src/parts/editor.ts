// A text with colours, numbers of lines and marks where something is wrong. It has a root of its own: there its style
// sheets are made as objects, which the policy for contents allows, and nothing is written into the page.

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

/// Something to say of a place, lines and columns from 1.
export interface Note {
  readonly severity: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

const LOOKS = EditorView.theme({
  '&': { backgroundColor: 'var(--colorNeutralBackground1)', color: 'var(--colorNeutralForeground1)', border: '1px solid var(--colorNeutralStrokeAccessible)', borderRadius: '4px', fontSize: '12px' },
  '&.cm-focused': { outline: '2px solid var(--colorStrokeFocus2)' },
  '.cm-scroller': { fontFamily: 'var(--fontFamilyMonospace)', lineHeight: '18px', maxHeight: '420px', overflow: 'auto' },
  '.cm-content, .cm-gutter': { minHeight: '216px' },
  '.cm-content': { caretColor: 'var(--colorNeutralForeground1)' },
  '.cm-cursor': { borderLeftColor: 'var(--colorNeutralForeground1)' },
  '.cm-gutters': { backgroundColor: 'var(--colorNeutralBackground3)', color: 'var(--colorNeutralForeground2)', border: 'none' },
  // Theirs are images, which the policy takes from this server alone.
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--colorStatusDangerForeground1)' },
  '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline wavy var(--colorStatusWarningForeground1)' },
  '.cm-lint-marker': { content: 'normal', marginTop: '5px', width: '8px', height: '8px', borderRadius: '50%' },
  '.cm-lint-marker-error': { content: 'normal', backgroundColor: 'var(--colorStatusDangerForeground1)' },
  '.cm-lint-marker-warning': { content: 'normal', backgroundColor: 'var(--colorStatusWarningForeground1)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--colorBrandBackground2)' },
});

const COLOURS = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--colorBrandForegroundLink)' },
    { tag: [tags.string, tags.content], color: 'var(--colorNeutralForeground1)' },
    { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: 'var(--colorPaletteBerryForeground1)' },
    { tag: tags.comment, color: 'var(--colorNeutralForeground2)', fontStyle: 'italic' },
    { tag: tags.invalid, color: 'var(--colorStatusDangerForeground1)' },
  ]),
);

const LANGUAGES = { json, yaml };

export class Editor extends HTMLElement {
  private readonly view: EditorView;
  private typed = '';

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    this.view = new EditorView({ parent: root, root });
  }

  connectedCallback(): void {
    const language = this.getAttribute('language') === 'yaml' ? 'yaml' : 'json';
    this.view.setState(
      EditorState.create({
        doc: this.typed,
        extensions: [
          lineNumbers(),
          lintGutter(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          EditorView.lineWrapping,
          // Tab leads on, as everywhere on a page.
          keymap.of([...defaultKeymap, ...historyKeymap]),
          LANGUAGES[language](),
          LOOKS,
          COLOURS,
          EditorView.contentAttributes.of({ tabindex: '0', 'aria-label': this.getAttribute('label') ?? 'Text', spellcheck: 'false' }),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged || this.text === this.typed) return;
            this.typed = this.text;
            this.dispatchEvent(new CustomEvent('typed', { detail: this.typed }));
          }),
        ],
      }),
    );
  }

  private get text(): string {
    return this.view.state.doc.toString();
  }

  /// What stands in it. The same again moves no cursor.
  set value(text: string) {
    if (text === this.typed) return;
    this.typed = text;
    if (this.isConnected) this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  set notes(notes: readonly Note[]) {
    const { doc } = this.view.state;
    const marks = notes.map(({ severity, line, column, message }): Diagnostic => {
      const of = doc.line(Math.min(Math.max(line, 1), doc.lines));
      const from = Math.min(of.from + Math.max(column, 1) - 1, of.to);
      return { from, to: of.to, severity: severity === 'error' ? 'error' : 'warning', message };
    });
    this.view.dispatch(setDiagnostics(this.view.state, marks));
  }
}

customElements.define('tt-editor', Editor);
