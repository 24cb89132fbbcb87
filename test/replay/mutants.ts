import ts from 'typescript';
import type { WorkflowSources } from './altered-bundle';

/** The workflows with one small mistake. */
export interface Mutant {
  /** `workflows/undo.ts:6 without: await steps.releaseInfrastructure(input);` */
  what: string;
  path: string;
  source: string;
}

/** A mistake: the text from `start` to `end` becomes `text`. */
interface Mistake {
  what: string;
  start: number;
  end: number;
  text: string;
}

/** What can be wrong in a node of the code. */
type Mistakes = (node: ts.Node, text: (node: ts.Node) => string) => Omit<Mistake, 'start' | 'end'>[];

const OPPOSITES: Partial<Record<ts.SyntaxKind, string>> = {
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: '!==',
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: '===',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.QuestionQuestionToken]: '&&',
  [ts.SyntaxKind.AmpersandAmpersandToken]: '??',
};

/** One small mistake each, of the kinds that slip into a change. A lost `await` is not among them: the linter tells. */
const KINDS: readonly Mistakes[] = [
  // a statement is lost
  (node, text) =>
    ts.isExpressionStatement(node) || ts.isThrowStatement(node) || ts.isIfStatement(node)
      ? [{ what: `without: ${text(node)}`, text: ';' }]
      : [],
  // a branch is always or never taken
  (node, text) =>
    (ts.isIfStatement(node.parent) && node.parent.expression === node) ||
    (ts.isConditionalExpression(node.parent) && node.parent.condition === node)
      ? ['true', 'false'].map((value) => ({ what: `${value} for: ${text(node)}`, text: value }))
      : [],
  // a comparison is wrong
  (node) =>
    OPPOSITES[node.kind] === undefined
      ? []
      : [{ what: `${OPPOSITES[node.kind]} in: ${node.parent.getText()}`, text: OPPOSITES[node.kind] ?? '' }],
  // half of a condition is lost
  (node, text) =>
    ts.isBinaryExpression(node) &&
    [ts.SyntaxKind.BarBarToken, ts.SyntaxKind.AmpersandAmpersandToken].includes(node.operatorToken.kind)
      ? [node.left, node.right].map((half) => ({
          what: `only ${text(half)} of: ${text(node)}`,
          text: text(half),
        }))
      : [],
  // a word is wrong
  (node, text) =>
    ts.isStringLiteral(node) && !ts.isImportDeclaration(node.parent)
      ? [{ what: `wrong word for ${text(node)} in: ${node.parent.getText()}`, text: "'wrong'" }]
      : [],
  // a number is wrong
  (node, text) =>
    ts.isNumericLiteral(node)
      ? [{ what: `wrong number for ${text(node)} in: ${node.parent.getText()}`, text: '7' }]
      : [],
  // a boolean is wrong
  (node) =>
    node.kind === ts.SyntaxKind.TrueKeyword
      ? [{ what: `false in: ${node.parent.getText()}`, text: 'false' }]
      : [],
  // two steps have changed places
  (node, text) => {
    if (!ts.isBlock(node)) return [];
    return node.statements.flatMap((first, index) => {
      const second = node.statements[index + 1];
      if (!second || !isCall(first) || !isCall(second)) return [];
      const [from, to] = [first.getStart() - node.getStart(), second.getEnd() - node.getStart()];
      const swapped = `${text(second)}\n${text(first)}`;
      const whole = text(node);
      return [
        {
          what: `changed places: ${text(first)} ${text(second)}`,
          text: `${whole.slice(0, from)}${swapped}${whole.slice(to)}`,
        },
      ];
    });
  },
];

function isCall(statement: ts.Statement): boolean {
  return ts.isExpressionStatement(statement) || ts.isVariableStatement(statement);
}

/** Every single mistake of these kinds in the workflows. */
export function mutantsOf(sources: WorkflowSources): Mutant[] {
  return Object.entries(sources).flatMap(([path, source]) => {
    const file = ts.createSourceFile(path, source, ts.ScriptTarget.ES2022, true);
    const mistakes: Mistake[] = [];
    const text = (node: ts.Node): string => node.getText(file);
    const visit = (node: ts.Node): void => {
      if (ts.isTypeNode(node) || ts.isTypeAliasDeclaration(node)) return;
      const [start, end] = [node.getStart(file), node.getEnd()];
      if (node !== file) {
        for (const kind of KINDS) {
          mistakes.push(...kind(node, text).map((mistake) => ({ ...mistake, start, end })));
        }
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
    return mistakes.map((mistake) => {
      const line = file.getLineAndCharacterOfPosition(mistake.start).line + 1;
      return {
        what: `${path}:${line} ${mistake.what.replace(/\s+/g, ' ')}`,
        path,
        source: `${source.slice(0, mistake.start)}${mistake.text}${source.slice(mistake.end)}`,
      };
    });
  });
}
