/**
 * What tests get as `fast-check`: with a seed that is always the same, so that a run on CI tries what was tried before. A failure
 * tells the seed and the path that led to it. `KEYMOOR_TEST_SEED=17` tries others, `KEYMOOR_TEST_SEED=random` others each time.
 */
// By its path: by its name jest would give this file again.
const fc = require('../../node_modules/fast-check/lib/cjs/fast-check.js');

const wanted = process.env.KEYMOOR_TEST_SEED ?? '1';
if (wanted !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted) });

module.exports = fc;
