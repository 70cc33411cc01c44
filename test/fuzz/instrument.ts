/** Counts, in a source file, each time a branch is taken: what coverage-guided fuzzing is guided by. */
import ts from "typescript";
import { COUNTERS } from "./instrument-name.ts";

export interface Instrumented {
  /** JavaScript. */
  readonly code: string;
  /** How many counters the file has: those from `firstCounter` on. */
  readonly counters: number;
  /** What the file compares with: its string literals. */
  readonly words: readonly string[];
}

/** @param firstCounter - the first number that no file before has. */
export function instrumented(source: string, fileName: string, firstCounter: number): Instrumented {
  let counters = 0; // owned by count()
  const words: string[] = [];
  const count = (): ts.Expression => {
    const at = ts.factory.createNumericLiteral(firstCounter + counters);
    counters += 1;
    const counter = ts.factory.createElementAccessExpression(ts.factory.createIdentifier(COUNTERS), at);
    return ts.factory.createPostfixIncrement(counter);
  };
  const { outputText } = ts.transpileModule(source, {
    fileName,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
    transformers: {
      before: [
        (context) => (file) => {
          const visit = (node: ts.Node): ts.Node => {
            if (ts.isImportDeclaration(node)) return node;
            if (ts.isStringLiteralLike(node)) words.push(node.text);
            return withCounters(ts.visitEachChild(node, visit, context), count);
          };
          return ts.visitEachChild(file, visit, context);
        },
      ],
    },
  });
  return { code: outputText, counters, words };
}

function withCounters(node: ts.Node, count: () => ts.Expression): ts.Node {
  const { factory } = ts;
  const counted = (expression: ts.Expression): ts.Expression =>
    factory.createParenthesizedExpression(
      factory.createBinaryExpression(count(), ts.SyntaxKind.CommaToken, expression),
    );
  const block = (statement: ts.Statement): ts.Statement =>
    ts.isBlock(statement)
      ? statement
      : factory.createBlock([factory.createExpressionStatement(count()), statement]);
  if (ts.isBlock(node)) {
    return factory.updateBlock(node, [factory.createExpressionStatement(count()), ...node.statements]);
  }
  if (ts.isCaseOrDefaultClause(node)) {
    const statements = [factory.createExpressionStatement(count()), ...node.statements];
    return ts.isCaseClause(node)
      ? factory.updateCaseClause(node, node.expression, statements)
      : factory.updateDefaultClause(node, statements);
  }
  if (ts.isIfStatement(node)) {
    const { expression, thenStatement, elseStatement } = node;
    return factory.updateIfStatement(
      node,
      expression,
      block(thenStatement),
      elseStatement && block(elseStatement),
    );
  }
  if (ts.isForOfStatement(node)) {
    return factory.updateForOfStatement(
      node,
      node.awaitModifier,
      node.initializer,
      node.expression,
      block(node.statement),
    );
  }
  if (ts.isConditionalExpression(node)) {
    const { condition, questionToken, whenTrue, colonToken, whenFalse } = node;
    return factory.updateConditionalExpression(
      node,
      condition,
      questionToken,
      counted(whenTrue),
      colonToken,
      counted(whenFalse),
    );
  }
  if (ts.isBinaryExpression(node) && BRANCHING.has(node.operatorToken.kind)) {
    return factory.updateBinaryExpression(node, node.left, node.operatorToken, counted(node.right));
  }
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) {
    const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken, body } = node;
    return factory.updateArrowFunction(
      node,
      modifiers,
      typeParameters,
      parameters,
      type,
      equalsGreaterThanToken,
      counted(body),
    );
  }
  return node;
}

const BRANCHING = new Set<ts.SyntaxKind>([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);
