// What was found of a version on trial over time: how much was compared above, what of it differs or fails below.

import { html, LitElement, nothing, type PropertyValues, svg, type TemplateResult } from 'lit';

import type { Course } from '../parts/admin.js';
import { count } from '../parts/format.js';

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

class CourseChart extends LitElement {
  static override properties = { course: {}, since: {} };

  declare course: Course;
  declare since: string;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override updated(_: PropertyValues): void {
    void this.draw();
  }

  /// The charts' part is loaded where there is one.
  private async draw(): Promise<void> {
    const { bars } = await import('../parts/chart.js');
    const { seconds, rows, differing, failing } = this.course;
    const begun = Date.parse(this.since) / 1_000;
    const times = rows.map((_, at) => begun + at * seconds);
    const [above, below] = ['compared', 'differing'].map((name) => this.querySelector<HTMLElement>(`[data-chart=${name}]`));
    if (above) bars(above, times, [{ label: 'Rows compared', token: '--colorBrandForeground1', numbers: rows }]);
    if (below) {
      bars(below, times, [
        { label: 'Rows that differ', token: '--colorStatusDangerForeground1', numbers: differing },
        { label: 'Failures', token: '--colorPaletteMarigoldBorderActive', numbers: failing },
      ]);
    }
  }

  protected override render(): TemplateResult {
    const { course } = this;
    return html`<figure class="course" aria-label=${told(course)}>
      <figcaption>Since ${new Date(this.since).toLocaleString()}, each ${portion(course.seconds)}</figcaption>
      <div data-chart="compared"></div><div data-chart="differing"></div>
    </figure>`;
  }
}

function portion(seconds: number): string {
  return seconds < 120 ? count(seconds, 'second') : count(seconds / 60, 'minute');
}

function told({ seconds, rows, differing, failing }: Course): string {
  const first = differing.findIndex((one) => one > 0);
  const since = first < 0 ? '' : `, the first after ${portion(first * seconds)}`;
  return `${count(sum(rows), 'row')} compared in ${portion(rows.length * seconds)}; ${count(sum(differing), 'row')} differ${since}; ${count(sum(failing), 'failure')}.`;
}

/// The same, small, for a line of a table: how much was compared, and in red what differs.
export function spark(course: Course | undefined): TemplateResult | typeof nothing {
  if (!course || !sum(course.rows)) return nothing;
  const most = Math.max(...course.rows);
  const width = 100 / course.rows.length;
  const bar = (numbers: readonly number[], name: string) => numbers.map((one, at) => (one ? svg`<rect class=${name} x=${at * width} y=${20 - (20 * one) / most} width=${width} height=${(20 * one) / most}></rect>` : nothing));
  return html`<svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label=${told(course)}>${bar(course.rows, 'rows')}${bar(course.differing, 'differing')}</svg>`;
}

customElements.define('tt-course', CourseChart);
