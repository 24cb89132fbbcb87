import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { transformSync } from '@swc/core';
import type { Options } from '@swc/core';
import { testWorkflowBundlePath } from '../setup/temporal';

const PROJECT = join(__dirname, '..', '..');
const FOLDER = 'workflows';

/** TypeScript of the workflows, by path in the project (`workflows/undo.ts`). */
export type WorkflowSources = Readonly<Record<string, string>>;

/** As they are today, without the index, which holds no code. */
export function workflowSources(): WorkflowSources {
  const files = readdirSync(join(PROJECT, FOLDER)).filter((file) => file !== 'index.ts');
  return Object.fromEntries(
    files.map((file) => [`${FOLDER}/${file}`, readFileSync(join(PROJECT, FOLDER, file), 'utf8')]),
  );
}

/** TypeScript to JavaScript that still has its `import`s: what is left when the types are gone. */
export function withoutTypes(source: string): string {
  return transformed(source, { parser: { syntax: 'typescript' } }, 'es6');
}

/**
 * The bundle of today's workflows with some modules in another form. Only those are made anew, so that it costs
 * milliseconds where bundling costs a second.
 *
 * @param changed TypeScript or JavaScript, by path in the project
 * @throws where a module is not in the bundle, or imports what is not in it
 */
export function alteredBundle(changed: WorkflowSources): string {
  let bundle = todaysBundle();
  for (const [path, source] of Object.entries(changed)) {
    bundle = withModule(bundle, path, moduleFunction(bundle, path, source));
  }
  return bundle;
}

/** Ends the workflow id of a run that shall go by a variant: its place in the list. */
export const VARIANT_MARK = '#variant-';

/**
 * One bundle that holds many forms of the workflows: each run chooses by its workflow id ({@link VARIANT_MARK}); without a
 * mark it goes by today's code. To load a bundle for each would cost a quarter of a second.
 */
/** @param variants a variant without a path is today's code */
export function bundleOfVariants(variants: readonly { path: string; source: string }[]): string {
  let bundle = todaysBundle();
  for (const path of new Set(variants.map((variant) => variant.path).filter(Boolean))) {
    const forms = variants.flatMap((variant, index) =>
      variant.path === path ? [`${index}: ${moduleFunction(bundle, path, variant.source)}`] : [],
    );
    const today = functionText(bundle, path);
    bundle = withModule(
      bundle,
      path,
      `(module, exports, __webpack_require__) => {
  const { workflowId } = globalThis.__TEMPORAL_ACTIVATOR__.info;
  const forms = { today: ${today}, ${forms.join(',')} };
  const [, wanted] = workflowId.split('${VARIANT_MARK}');
  (forms[wanted] ?? forms.today)(module, exports, __webpack_require__);
}`,
    );
  }
  return bundle;
}

function todaysBundle(): string {
  return readFileSync(testWorkflowBundlePath(), 'utf8');
}

/** A module as webpack writes it. */
function moduleFunction(bundle: string, path: string, source: string): string {
  const code = transformed(source, { parser: { syntax: 'typescript' } }, 'commonjs');
  const linked = code.replace(/\brequire\("([^"]+)"\)/g, (_, wanted: string) => {
    return `__webpack_require__(${JSON.stringify(moduleId(bundle, path, wanted))})`;
  });
  return `function (module, exports, __webpack_require__) {\n${linked}\n}`;
}

function withModule(bundle: string, path: string, text: string): string {
  const { from, to } = moduleAt(bundle, path);
  return `${bundle.slice(0, from)}: ${text}${bundle.slice(to)}`;
}

/** Today's form of a module, which webpack writes as a method of an object. */
function functionText(bundle: string, path: string): string {
  const { from, to } = moduleAt(bundle, path);
  return `function ${bundle.slice(bundle.indexOf('(', bundle.indexOf('*/', from)), to)}`;
}

/** Where a module's text is: after its name, up to the comma. */
function moduleAt(bundle: string, path: string): { from: number; to: number } {
  const from = startOf(bundle, `./${path}`);
  const to = bundle.indexOf(MODULE_END, from);
  if (from < 0 || to < 0) throw new Error(`${path} is not in the bundle`);
  return { from, to: to + MODULE_END.length - 1 };
}

const MODULE_END = '\n/***/ },';

/** Where a module's function begins in the bundle, or -1. */
function startOf(bundle: string, id: string): number {
  const marker = `/***/ ${JSON.stringify(id)}`;
  const at = bundle.indexOf(marker);
  return at < 0 ? -1 : at + marker.length;
}

function moduleId(bundle: string, importer: string, wanted: string): string {
  const id = wanted.startsWith('.')
    ? `./${posix.join(posix.dirname(importer), wanted)}.ts`
    : `./node_modules/${wanted}/lib/index.js`;
  if (startOf(bundle, id) < 0) throw new Error(`${importer} imports ${wanted}, which is not in the bundle`);
  return id;
}

function transformed(source: string, jsc: Options['jsc'], type: 'commonjs' | 'es6'): string {
  return transformSync(source, {
    configFile: false,
    swcrc: false,
    jsc: { ...jsc, target: 'es2022' },
    module: { type },
  }).code;
}
