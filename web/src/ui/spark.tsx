// A row of small bars: how many in each second, the newest on the right.
export function Spark({ counts, known }: { counts: number[]; /** How many of them, from the right, are known. */ known: number }) {
  const most = Math.max(1, ...counts);
  const unknown = Math.max(0, counts.length - known);
  return (
    <svg class="spark" viewBox={`0 0 ${counts.length} 24`} preserveAspectRatio="none" aria-hidden="true">
      {unknown > 0 && <rect class="unknown" x="0" y="0" width={unknown} height="24" />}
      <line x1="0" x2={counts.length} y1="23.5" y2="23.5" />
      {counts.map((n, place) => n > 0 && <rect key={place} class="fill" x={place + 0.1} y={24 - (22 * n) / most} width="0.8" height={(22 * n) / most} />)}
    </svg>
  );
}
