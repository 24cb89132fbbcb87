/** Whether outages take their real time (`KEYMOOR_LONG_OUTAGES=1`), and the figures of recovery are written down. */
export function isLongForm(): boolean {
  return process.env['KEYMOOR_LONG_OUTAGES'] === '1';
}
