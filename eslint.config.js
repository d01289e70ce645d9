import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const inexactMath = ['log', 'log2', 'log10', 'log1p', 'exp', 'expm1', 'pow', 'sin', 'cos', 'tan', 'cbrt', 'hypot'];

export default defineConfig(
  {
    // AssemblyScript has a compiler and types of its own.
    ignores: ['dist/', 'examples/', 'node_modules/', 'assembly/'],
  },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['*.js', 'scripts/*.mjs'] } },
      globals: { URL: 'readonly' },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': 'off',
    },
  },
  {
    files: ['eslint.config.js', 'scripts/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
  },
  {
    // Workflow code is replayed: nothing in it may touch the outside world.
    files: ['src/workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^node:', message: 'Workflow code runs in a sandbox without Node built-ins: use an activity.' },
            {
              regex: '^(fs|path|crypto|os|http|https|net|stream|zlib|child_process|worker_threads)(/|$)',
              message: 'Workflow code runs in a sandbox without Node built-ins: use an activity.',
            },
            {
              regex: '^(@aws-sdk/|@smithy/|@temporalio/(client|worker|activity|envconfig))',
              message: 'Workflow code holds orchestration only: SDK clients belong to activities.',
            },
            {
              regex:
                '^\\.\\./(dump|encoder|features|formats|pages|pipeline|runs|sae|shuffle|site|storage|tokens|verify|visualize|stack|cli)/',
              allowTypeImports: true,
              message: 'Workflow code may import only types from the domain folders.',
            },
          ],
        },
      ],
    },
  },
  {
    // Domain code knows nothing of Temporal.
    files: [
      'src/{dump,encoder,features,formats,pages,pipeline,runs,sae,shuffle,site,storage,tokens,verify,visualize}/**/*.ts',
    ],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^@temporalio/', message: 'Domain code knows nothing of Temporal.' }] },
      ],
    },
  },
  {
    // The browser reads runs by the same code.
    files: ['src/pages/**/*.ts'],
    ignores: ['src/pages/{merge*,packPages,packVocabulary,packWriter,storedRunFiles}.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(node:|@|\\.\\./(?!errors))', message: 'The feature browser imports this file.' }] },
      ],
    },
  },
  {
    files: ['src/tokens/characters.ts', 'src/errors.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(node:|@)', message: 'The feature browser imports this file.' }] },
      ],
    },
  },
  {
    // The feature browser runs without Node; of riffle's own code it reads runs and shows tokens.
    files: ['web/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^node:|/src/(?!pages/|tokens/characters|errors)|^(?!\\.|preact)',
              message: 'The feature browser runs without Node.',
            },
          ],
        },
      ],
    },
  },
  {
    // Permutations and pages must not depend on the engine: ECMAScript leaves the last bits of these functions open.
    files: ['src/{shuffle,features,visualize}/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...inexactMath.map((property) => ({
          object: 'Math',
          property,
          message: 'Its last bits differ between engines: permutations and pages use + - * / and sqrt only.',
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off' },
  },
  {
    // The oracle checks the pipeline: an error in shared code would not show.
    files: ['test/features/oracle/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '/src/', message: 'The oracle shares no code with the pipeline.' }] },
      ],
    },
  },
);
