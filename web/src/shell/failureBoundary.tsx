import { Component, type ComponentChild, type ComponentChildren } from 'preact';
import { Message } from './message.js';

/** Shows what went wrong below it in place of an empty page. */
export class FailureBoundary extends Component<{ readonly children: ComponentChildren }, { failure?: unknown }> {
  static override getDerivedStateFromError(failure: unknown): { failure: unknown } {
    return { failure };
  }

  override render(): ComponentChild {
    const { failure } = this.state;
    if (failure === undefined) return this.props.children;
    return <Message error={failure} onRetry={() => this.setState({ failure: undefined })} />;
  }
}
