/** Preloaded into a process that is to die at the point that FAIL_POINT names; FAIL_FIRED names the file that proves it. */
import { armAnswers } from './answers.ts'
import { armBytes } from './bytes.ts'
import { armProjections } from './projections.ts'
import { armRows } from './rows.ts'

armAnswers()
armBytes()
armProjections()
armRows()
