import type { JSX } from 'preact'
import type { Profile } from '../../protocol/shapes.ts'

/** What one says of a new session, in a form of a page or of a dialog. */
export function NewSessionFields(input: {
  id: string
  /** Every model there is, the default first. */
  models: string[]
  /** Those that may be chosen. */
  profiles: Profile[]
  /** What was entered before it failed. */
  entered?: { title: string; model: string; profile: string }
}): JSX.Element {
  const { id, models, profiles, entered } = input
  return (
    <>
      <div>
        <label class="label" for={`${id}-title`}>
          Title <span class="font-normal text-muted">(optional)</span>
        </label>
        <input
          id={`${id}-title`}
          class="input"
          name="title"
          value={entered?.title ?? ''}
          maxLength={200}
          autocomplete="off"
        />
      </div>
      {models.length > 1 && (
        <div>
          <label class="label" for={`${id}-model`}>
            Model
          </label>
          <select id={`${id}-model`} class="input" name="model">
            {models.map((model, at) => (
              <option key={model} value={at === 0 ? '' : model} selected={entered?.model === model}>
                {at === 0 ? `${model} (default)` : model}
              </option>
            ))}
          </select>
        </div>
      )}
      {profiles.length > 1 && (
        <div>
          <label class="label" for={`${id}-profile`}>
            What tools may do
          </label>
          <select id={`${id}-profile`} class="input" name="profile">
            <option value="">as the settings say</option>
            {profiles.map(profile => (
              <option key={profile} value={profile} selected={entered?.profile === profile}>
                {profile}
              </option>
            ))}
          </select>
        </div>
      )}
    </>
  )
}
