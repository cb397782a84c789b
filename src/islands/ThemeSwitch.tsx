import type { JSX, TargetedSubmitEvent } from 'preact'
import { Icon, type IconName } from './parts/Icon.tsx'
import { chosenTheme, nextTheme, setTheme, type Theme, themes } from './parts/theme.ts'

export interface ThemeSwitchProps {
  theme: Theme
  /** Where the form leads back to. */
  next: string
}

const looks: Record<Theme, { label: string; icon: IconName }> = {
  light: { label: 'Light theme', icon: 'sun' },
  dark: { label: 'Dark theme', icon: 'moon' },
  system: { label: 'Theme of the system', icon: 'system' },
}

/** Chooses the colours: a form, which with JavaScript does not leave the page. */
export default function ThemeSwitch({ theme, next }: ThemeSwitchProps): JSX.Element {
  const current = chosenTheme.value ?? theme
  const onSubmit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    const { submitter } = event
    const wanted = themes.find(name => submitter instanceof HTMLButtonElement && name === submitter.value)
    if (!wanted) return
    event.preventDefault()
    setTheme(wanted)
  }
  return (
    <form class="theme-switch" method="post" action="/theme" onSubmit={onSubmit}>
      <input type="hidden" name="next" value={next} />
      {themes.map(name => (
        <button
          key={name}
          type="submit"
          class="icon-button"
          name="theme"
          value={name}
          title={looks[name].label}
          aria-label={looks[name].label}
          aria-pressed={name === current}
          data-next={name === nextTheme(current) || undefined}
        >
          <Icon name={looks[name].icon} />
        </button>
      ))}
    </form>
  )
}
