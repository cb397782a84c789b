import { type ComponentType, createContext, type JSX } from 'preact'
import { useContext } from 'preact/hooks'

/** Names of the islands on the page that is being rendered, so that it preloads what they need and nothing else. */
export const IslandNames = createContext<Set<string>>(new Set())

/**
 * Renders a component and marks it for hydration. `name` is its file in `src/islands`; `props` must survive JSON. They
 * travel in an escaped attribute, because the content security policy allows no inline script.
 */
export function Island<Props extends object>(input: {
  name: string
  of: ComponentType<Props>
  props: Props
  class?: string
}): JSX.Element {
  useContext(IslandNames).add(input.name)
  const Component = input.of
  return (
    <div data-island={input.name} data-props={JSON.stringify(input.props)} class={input.class}>
      <Component {...input.props} />
    </div>
  )
}
