// Numbers over time.

import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axes(): uPlot.Axis[] {
  const axis = { stroke: colour('--colorNeutralForeground2'), grid: { stroke: colour('--colorNeutralStroke2') } };
  return [axis, axis];
}

/// Who looks at how wide a box is, until another chart is drawn in it.
const watched = new WeakMap<HTMLElement, ResizeObserver>();

/// As wide as its box, whatever the window becomes.
function drawn(box: HTMLElement, options: Omit<uPlot.Options, 'width'>, data: uPlot.AlignedData): void {
  const width = () => Math.max(box.clientWidth, 240);
  box.replaceChildren();
  const plot = new uPlot({ ...options, width: width() }, data, box);
  watched.get(box)?.disconnect();
  const watcher = new ResizeObserver(() => {
    if (plot.width !== width()) plot.setSize({ width: width(), height: options.height });
  });
  watcher.observe(box);
  watched.set(box, watcher);
}

/// One number, as a line.
export function chart(box: HTMLElement, label: string, points: readonly { time: number; value: number }[]): void {
  const series = [{}, { label, stroke: colour('--colorBrandForeground1'), width: 2, points: { show: true, size: 6 } }];
  drawn(box, { height: 180, axes: axes(), series }, [points.map((one) => one.time), points.map((one) => one.value)]);
}

/// Seconds between two marks of time.
const SECONDS = [10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 604_800];
/// Portions that there is room for from the beginning.
const ROOM = 12;

/// Counts, as a bar for each portion of time; those of one chart stand on each other's time.
export function bars(box: HTMLElement, times: readonly number[], counts: readonly { label: string; token: string; numbers: readonly number[] }[]): void {
  const paths = uPlot.paths.bars!({ size: [0.9, 48], align: 1 });
  // Without the pointer over it there is nothing to say.
  const value = (_: uPlot, number: number | null) => (number == null ? '' : number.toLocaleString());
  const of = ({ label, token }: { label: string; token: string }): uPlot.Series => ({ label, value, stroke: colour(token), fill: colour(token), width: 0, paths, points: { show: false } });
  const [last, before] = [times.at(-1) ?? 0, times.at(-2)];
  const portion = before === undefined ? 10 : last - before;
  const end = Math.max(last + portion, (times[0] ?? 0) + ROOM * portion);
  const [time, count] = axes() as [uPlot.Axis, uPlot.Axis];
  const clock = (at: number) => new Date(at * 1_000).toLocaleTimeString([], { hour: 'numeric', minute: '2-digit', ...(portion < 60 ? { second: '2-digit' } : {}) });
  const when: uPlot.Series = { label: 'At', value: (_, at) => (at == null ? '' : clock(at)) };
  const whole = { ...count, space: 24, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7], size: 56 };
  const scales = { x: { time: true, range: () => [times[0] ?? 0, end] as [number, number] }, y: { range: (_: uPlot, __: number, most: number) => [0, Math.max(most * 1.1, 1)] as [number, number] } };
  drawn(box, { height: 130, axes: [{ ...time, incrs: SECONDS, space: 80, values: (_, at) => at.map(clock) }, whole], series: [when, ...counts.map(of)], scales, cursor: { sync: { key: 'course' } } }, [[...times], ...counts.map((one) => [...one.numbers])]);
}
