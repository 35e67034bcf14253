// A number over time.

import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';

export function chart(box: HTMLElement, label: string, points: readonly { time: number; value: number }[]): void {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour('--colorNeutralForeground2'), grid: { stroke: colour('--colorNeutralStroke2') } };
  const options: uPlot.Options = {
    width: Math.max(box.clientWidth, 280),
    height: 180,
    axes: [axis, axis],
    series: [{}, { label, stroke: colour('--colorBrandForeground1'), width: 2, points: { show: true, size: 6 } }],
  };
  box.replaceChildren();
  new uPlot(options, [points.map((one) => one.time), points.map((one) => one.value)], box);
}
