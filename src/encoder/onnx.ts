import { ProtobufMessage } from './protobuf.js';

/** The messages of ONNX that an encoder needs (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). */

/** TensorProto.DataType. */
export const ElementType = { float32: 1, uint16: 4, float16: 10, bfloat16: 16 } as const;
export type ElementType = (typeof ElementType)[keyof typeof ElementType];

/** Sizes of a tensor; a name stands for a size that may differ from run to run. */
export type Shape = readonly (number | string)[];

/** An operator set with BitCast, and the version of the file format that belongs to it. */
const operatorSet = 26;
const formatVersion = 12;

/** AttributeProto.AttributeType.INT. */
const integerAttribute = 2;

/** A graph under construction. Values have names; each node has one output. */
export class OnnxGraph {
  private readonly graph = new ProtobufMessage().text(2, 'encoder');
  private values = 0;

  input(name: string, type: ElementType, shape: Shape): string {
    this.graph.message(11, valueInfo(name, type, shape));
    return name;
  }

  output(name: string, type: ElementType, shape: Shape): void {
    this.graph.message(12, valueInfo(name, type, shape));
  }

  /**
   * A constant.
   * @param data must not change until `finish`
   */
  constant(data: Float32Array, shape: readonly number[]): string {
    const name = this.name();
    const tensor = new ProtobufMessage();
    for (const size of shape) tensor.integer(1, size);
    tensor.integer(2, ElementType.float32).text(8, name);
    tensor.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.graph.message(5, tensor);
    return name;
  }

  /**
   * @param operator as ONNX names it
   * @param output name of the result [any]
   * @returns the name of the result
   */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number>> = {},
    output = this.name(),
  ): string {
    const node = new ProtobufMessage();
    for (const input of inputs) node.text(1, input);
    node.text(2, output).text(4, operator);
    for (const [name, value] of Object.entries(attributes)) {
      node.message(5, new ProtobufMessage().text(1, name).integer(3, value).integer(20, integerAttribute));
    }
    this.graph.message(1, node);
    return output;
  }

  /** The model as ONNX Runtime loads it. */
  finish(): Uint8Array {
    return new ProtobufMessage()
      .integer(1, formatVersion)
      .message(7, this.graph)
      .message(8, new ProtobufMessage().text(1, '').integer(2, operatorSet))
      .finish();
  }

  private name(): string {
    return `value${this.values++}`;
  }
}

function valueInfo(name: string, type: ElementType, shape: Shape): ProtobufMessage {
  const sizes = new ProtobufMessage();
  for (const size of shape) {
    const dimension = new ProtobufMessage();
    if (typeof size === 'number') dimension.integer(1, size);
    else dimension.text(2, size);
    sizes.message(1, dimension);
  }
  const tensor = new ProtobufMessage().integer(1, type).message(2, sizes);
  return new ProtobufMessage().text(1, name).message(2, new ProtobufMessage().message(1, tensor));
}
